"""The spec's words, against the numbers and lists that other places have of them."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from orlop.oci.config_names import (
    CAPABILITY_NAMES,
    HOOK_KINDS,
    MOUNT_ATTRIBUTE_OPTIONS,
    MOUNT_OPTIONS,
    NAMESPACE_TYPES,
    RLIMIT_NAMES,
)


@pytest.mark.parametrize(
    ("name", "number"),
    [("CAP_CHOWN", 0), ("CAP_KILL", 5), ("CAP_SYS_ADMIN", 21), ("CAP_SETFCAP", 31), ("CAP_CHECKPOINT_RESTORE", 40)],
)
def test_capabilities_stand_in_the_order_of_their_numbers(name: str, number: int) -> None:
    assert CAPABILITY_NAMES.index(name) == number


def test_every_capability_has_one_name() -> None:
    assert len(set(CAPABILITY_NAMES)) == len(CAPABILITY_NAMES) == 41


@pytest.mark.parametrize("name", [name for name in RLIMIT_NAMES if hasattr(resource, name)])
def test_limits_stand_in_the_order_of_their_numbers(name: str) -> None:
    assert RLIMIT_NAMES.index(name) == getattr(resource, name)


def test_the_kernel_has_all_limits() -> None:
    assert len(Path("/proc/self/limits").read_text(encoding="ascii").splitlines()) == 1 + len(RLIMIT_NAMES)


def test_namespaces_are_those_of_the_kernel() -> None:
    kernel = {"net": "network", "mnt": "mount"}
    files = {path.name for path in Path("/proc/self/ns").iterdir() if not path.name.endswith("_for_children")}
    assert {kernel.get(name, name) for name in files} <= set(NAMESPACE_TYPES)


def test_hooks_are_those_of_the_specification_in_their_order_in_time() -> None:
    assert HOOK_KINDS == ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def test_every_attribute_option_has_a_recursive_form() -> None:
    assert {f"r{name}" for name in MOUNT_ATTRIBUTE_OPTIONS} <= MOUNT_OPTIONS


def test_what_this_version_refuses_is_not_among_the_known_options() -> None:
    assert MOUNT_OPTIONS.isdisjoint({"idmap", "ridmap", "remount"})


_SPEC_TABLE = {
    "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion", "lazytime", "loud",
    "mand", "noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime",
    "nostrictatime", "nosuid", "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "rexec",
    "rnoatime", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro",
    "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable",
    "rw", "shared", "silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
}  # fmt: skip


def test_the_known_mount_options_are_the_table_of_the_specification() -> None:
    """The table forgets rnodev, whose opposite it has; this version has no idmap and no remount."""
    assert _SPEC_TABLE | {"rnodev"} == MOUNT_OPTIONS
