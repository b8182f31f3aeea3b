"""Paths of entries: relative and plain, or refused."""

from __future__ import annotations

import pytest

from orlop.archive.contract import Limits
from orlop.archive.entry_path import normalized, shown
from orlop.errors import InvalidArgument

LIMITS = Limits(path_bytes=1000, name_bytes=100, depth=10)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (b"a/b", b"a/b"),
        (b"./a//b/", b"a/b"),
        (b"/a/./b", b"a/b"),
        (b".", b""),
        (b"./", b""),
        (b"/", b""),
        (b"...", b"..."),
        (b"a/..b", b"a/..b"),
        (b".hidden/.file", b".hidden/.file"),
        (b"a/\xff", b"a/\xff"),
    ],
)
def test_paths(path: bytes, wanted: bytes) -> None:
    assert normalized(path, LIMITS) == wanted


@pytest.mark.parametrize("path", [b"..", b"../a", b"a/..", b"a/../b", b"/..", b"./../a", b"a//../b"])
def test_parent_parts_are_refused(path: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r'path: ".*" has a "\.\." part; nothing may lead out of the root'):
        normalized(path, LIMITS)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (b"a/" * 5 + b"n" * 1000, "1010 bytes are over the limit of 1000"),
        (b"/".join([b"d"] * 11), "11 parts are over the limit of 10"),
        (b"n" * 101, "a name of 101 bytes is over the limit of 100"),
        (b"a\x00b", "NUL"),
    ],
)
def test_limits(path: bytes, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        normalized(path, LIMITS)


def test_a_message_carries_no_control_characters_and_no_megabytes() -> None:
    assert shown(b"a\n\x1b[2Jb\xff") == "a\\n\\x1b[2Jb\\xff"
    assert len(shown(b"\n" * 5000)) < 500
