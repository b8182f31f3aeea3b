"""Mount options: what each becomes, alone and beside others."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from orlop.linux.flags import (
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
)
from orlop.linux.mount_options import MountOptions, option_names, parse_mount_options
from orlop.oci.config_names import MOUNT_ATTRIBUTE_OPTIONS, MOUNT_OPTIONS

_ATTRIBUTES = {
    "ro": (MOUNT_ATTR_RDONLY, 0),
    "rw": (0, MOUNT_ATTR_RDONLY),
    "nosuid": (MOUNT_ATTR_NOSUID, 0),
    "suid": (0, MOUNT_ATTR_NOSUID),
    "nodev": (MOUNT_ATTR_NODEV, 0),
    "dev": (0, MOUNT_ATTR_NODEV),
    "noexec": (MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, MOUNT_ATTR_NOEXEC),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
    "relatime": (0, MOUNT_ATTR__ATIME),
    "norelatime": (0, MOUNT_ATTR__ATIME),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "atime": (0, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "nostrictatime": (0, MOUNT_ATTR__ATIME),
}


def _fields(options: MountOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in MountOptions.__slots__ if getattr(options, name)}


@pytest.mark.parametrize(("option", "bits"), _ATTRIBUTES.items())
def test_an_attribute_is_set_or_cleared(option: str, bits: tuple[int, int]) -> None:
    plain = parse_mount_options([option])
    assert (plain.attr_set, plain.attr_clr) == bits
    assert not _fields(plain).keys() - {"attr_set", "attr_clr", "superblock_flags"}


@pytest.mark.parametrize(("option", "bits"), _ATTRIBUTES.items())
def test_its_recursive_form_is_for_all_mounts_below(option: str, bits: tuple[int, int]) -> None:
    recursive = parse_mount_options([f"r{option}"])
    assert (recursive.rec_attr_set, recursive.rec_attr_clr) == bits
    assert not _fields(recursive).keys() - {"rec_attr_set", "rec_attr_clr"}


@pytest.mark.parametrize(
    ("option", "flags"),
    [
        ("private", MS_PRIVATE),
        ("rprivate", MS_PRIVATE | MS_REC),
        ("shared", MS_SHARED),
        ("rshared", MS_SHARED | MS_REC),
        ("slave", MS_SLAVE),
        ("rslave", MS_SLAVE | MS_REC),
        ("unbindable", MS_UNBINDABLE),
        ("runbindable", MS_UNBINDABLE | MS_REC),
    ],
)
def test_propagation(option: str, flags: int) -> None:
    assert _fields(parse_mount_options([option])) == {"propagation": [flags]}


def test_propagation_keeps_its_order() -> None:
    assert parse_mount_options(["rslave", "shared"]).propagation == [MS_SLAVE | MS_REC, MS_SHARED]


@pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime", "mand"])
def test_a_flag_of_the_superblock(option: str) -> None:
    assert _fields(parse_mount_options([option])) == {"superblock_flags": [option]}


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        (["sync", "async"], []),
        (["async", "sync"], ["sync"]),
        (["lazytime", "nolazytime"], []),
        (["mand", "nomand", "dirsync"], ["dirsync"]),
        (["ro"], ["ro"]),
        (["ro", "ro", "sync"], ["ro", "sync"]),
        (["ro", "rw"], []),
        (["rw", "ro"], ["ro"]),
    ],
)
def test_a_flag_of_the_superblock_can_be_taken_back(options: list[str], flags: list[str]) -> None:
    assert parse_mount_options(options).superblock_flags == flags


def test_bind_and_its_recursive_form() -> None:
    assert _fields(parse_mount_options(["bind"])) == {"is_bind": True}
    assert _fields(parse_mount_options(["rbind"])) == {"is_bind": True, "is_recursive_bind": True}
    assert parse_mount_options(["rbind", "bind"]).is_recursive_bind


def test_remount_and_tmpcopyup() -> None:
    assert _fields(parse_mount_options(["remount"])) == {"is_remount": True}
    assert _fields(parse_mount_options(["tmpcopyup"])) == {"tmpcopyup": True}


@pytest.mark.parametrize("option", ["defaults", "loud", "silent", "iversion", "noiversion", "async", ""])
def test_options_without_an_effect(option: str) -> None:
    assert _fields(parse_mount_options([option])) == {}


def test_everything_else_is_data_of_the_file_system_in_its_order() -> None:
    options = ["mode=755", "nosuid", "size=64k", "acl", "lowerdir=/a,b", "NOSUID", "ro=1"]
    result = parse_mount_options(options)
    assert result.data == ["mode=755", "size=64k", "acl", "lowerdir=/a,b", "NOSUID", "ro=1"]
    assert result.attr_set == MOUNT_ATTR_NOSUID


def test_what_is_understood_is_what_validation_knows() -> None:
    assert set(option_names()) == MOUNT_OPTIONS
    assert option_names() == sorted(option_names())


@pytest.mark.parametrize("option", [name for name in sorted(MOUNT_OPTIONS) if name != "tmpcopyup"])
def test_no_known_option_becomes_data(option: str) -> None:
    assert parse_mount_options([option]).data == []


def _applied(options: list[str], before: int) -> int:
    """What mount_setattr(2) makes of attributes: it clears, then sets."""
    result = parse_mount_options(options)
    return before & ~result.attr_clr | result.attr_set


@pytest.mark.parametrize("before", [0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME, 0x2000EF])
def test_two_options_at_once_are_as_one_after_the_other(before: int) -> None:
    for first, second in itertools.permutations(MOUNT_ATTRIBUTE_OPTIONS, 2):
        both = _applied([first, second], before)
        assert both == _applied([second], _applied([first], before)), f"{first},{second}"


def test_any_row_of_options_is_one_that_the_kernel_takes() -> None:
    """No bit is set and cleared, but for the access time, whose field is cleared whole or not at all."""
    generator = random.Random(7)  # noqa: S311 (a repeatable choice)
    for _ in range(2000):
        result = parse_mount_options(generator.choices(sorted(MOUNT_OPTIONS), k=generator.randrange(1, 8)))
        for attr_set, attr_clr in ((result.attr_set, result.attr_clr), (result.rec_attr_set, result.rec_attr_clr)):
            assert attr_set & attr_clr & ~MOUNT_ATTR__ATIME == 0
            assert attr_clr & MOUNT_ATTR__ATIME in (0, MOUNT_ATTR__ATIME)
            if attr_set & MOUNT_ATTR__ATIME:
                assert attr_clr & MOUNT_ATTR__ATIME == MOUNT_ATTR__ATIME
                assert attr_set & MOUNT_ATTR__ATIME in (MOUNT_ATTR_NOATIME, MOUNT_ATTR_STRICTATIME)
