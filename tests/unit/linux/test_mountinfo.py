"""Lines of mountinfo, taken apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.linux.mountinfo import parse_mount, parse_mountinfo, unescape

_LINE = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue"


def test_every_field_of_a_line() -> None:
    mount = parse_mount(_LINE)
    assert (mount.mount_id, mount.parent_id, mount.device) == (36, 35, "98:0")
    assert (mount.root, mount.mountpoint) == ("/mnt1", "/mnt2")
    assert mount.mount_options == ["rw", "noatime"]
    assert mount.propagation == ["master:1", "propagate_from:2"]
    assert (mount.filesystem_type, mount.source) == ("ext3", "/dev/root")
    assert mount.super_options == ["rw", "errors=continue"]


def test_a_private_mount_has_no_propagation_fields() -> None:
    assert parse_mount("1 0 0:1 / / rw - tmpfs none rw").propagation == []


def test_an_empty_source_keeps_the_fields_in_place() -> None:
    mount = parse_mount("1 0 0:1 / / rw - tmpfs  rw,size=1k")
    assert (mount.source, mount.super_options) == ("", ["rw", "size=1k"])


def test_a_line_without_superblock_options() -> None:
    assert parse_mount("1 0 0:1 / / rw - tmpfs none").super_options == []


def test_white_space_in_a_path_is_escaped() -> None:
    mount = parse_mount("1 0 0:1 /a\\040- /b\\040-\\040c rw - fuse.x\\040y a\\011b rw")
    assert (mount.root, mount.mountpoint, mount.source) == ("/a -", "/b - c", "a\tb")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/plain", "/plain"),
        ("\\134040", "\\040"),
        ("\\134\\040", "\\ "),
        ("a\\012b\\043", "a\nb#"),
        ("\\0400", " 0"),
        ("é\\040", "é "),
    ],
)
def test_escapes_are_three_octal_digits(text: str, expected: str) -> None:
    assert unescape(text) == expected


def test_the_mounts_of_this_process_can_be_read() -> None:
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    mounts = parse_mountinfo(text)
    assert len(mounts) == len(text.splitlines())
    proc = [mount for mount in mounts if mount.mountpoint == "/proc" and mount.filesystem_type == "proc"]
    assert proc
    assert all(mount.root == "/" for mount in proc)
