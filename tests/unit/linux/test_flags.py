"""Numbers by name against the interpreter's own, and names by number."""

from __future__ import annotations

import os
import signal

import pytest

from orlop.linux import flags
from orlop.linux.flags import clone_flag_names, mount_attribute_names, mount_flag_names


@pytest.mark.parametrize(
    "name", [name for name in vars(flags) if name.startswith(("CLONE_", "O_")) and hasattr(os, name)]
)
def test_numbers_are_those_of_the_c_library(name: str) -> None:
    assert getattr(flags, name) == getattr(os, name)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("CLONE_NEWNS", 0x20000),
        ("CLONE_NEWTIME", 0x80),
        ("CLONE_NEWNET", 0x40000000),
        ("MS_RDONLY", 1),
        ("MS_BIND", 4096),
        ("MS_REC", 16384),
        ("MS_SHARED", 1 << 20),
        ("MOUNT_ATTR_NOSYMFOLLOW", 0x200000),
        ("MOUNT_ATTR_NODIRATIME", 0x80),
        ("AT_RECURSIVE", 0x8000),
        ("AT_EMPTY_PATH", 0x1000),
        ("O_PATH", 0x200000),
    ],
)
def test_numbers_are_those_of_the_kernel(name: str, number: int) -> None:
    assert getattr(flags, name) == number


@pytest.mark.parametrize(
    ("number", "names"),
    [
        (0, ""),
        (flags.CLONE_NEWPID, "CLONE_NEWPID"),
        (flags.CLONE_NEWPID | flags.CLONE_NEWNS | flags.CLONE_NEWUSER, "CLONE_NEWUSER|CLONE_NEWNS|CLONE_NEWPID"),
        (flags.CLONE_NEWNS | int(signal.SIGCHLD), "CLONE_NEWNS|0x11"),
    ],
)
def test_clone_flags_are_named_and_others_shown_as_a_number(number: int, names: str) -> None:
    assert clone_flag_names(number) == names


def test_mount_flags_are_named() -> None:
    assert mount_flag_names(flags.MS_SLAVE | flags.MS_REC) == "MS_REC|MS_SLAVE"
    assert mount_flag_names(flags.MS_BIND | 1 << 30) == "MS_BIND|0x40000000"


def test_mount_attributes_are_named() -> None:
    attributes = flags.MOUNT_ATTR_RDONLY | flags.MOUNT_ATTR_STRICTATIME | flags.MOUNT_ATTR_IDMAP
    assert mount_attribute_names(attributes) == "MOUNT_ATTR_RDONLY|MOUNT_ATTR_STRICTATIME|MOUNT_ATTR_IDMAP"
    assert mount_attribute_names(flags.MOUNT_ATTR_RELATIME) == ""
