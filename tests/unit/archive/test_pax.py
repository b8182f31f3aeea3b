"""PAX records as POSIX, GNU tar, star and bsdtar write them."""

from __future__ import annotations

import pytest

from orlop.archive.contract import Limits
from orlop.archive.pax import check_global, decimal, parse_extended, records
from orlop.errors import InvalidArgument
from tar_bytes import record

LIMITS = Limits()


def test_records_tell_their_own_length() -> None:
    data = record(b"path", b"a=b\nc") + record(b"comment", b"x" * 90) + record(b"comment", b"")
    assert list(records(data, LIMITS)) == [(b"path", b"a=b\nc"), (b"comment", b"x" * 90), (b"comment", b"")]


def test_what_an_entry_gets() -> None:
    data = b"".join(
        record(*one)
        for one in (
            (b"path", "dir/café".encode()),
            (b"linkpath", b"target"),
            (b"size", b"123456789012"),
            (b"uid", b"4000000000"),
            (b"gid", b"5"),
            (b"mtime", b"1.5"),
            (b"uname", b"root"),
            (b"atime", b"9"),
            (b"hdrcharset", b"BINARY"),
            (b"SCHILY.xattr.user.a", b"\x00\xff"),
            (b"LIBARCHIVE.xattr.user.b%20c", b"AP8"),
            (b"LIBARCHIVE.creationtime", b"1"),
        )
    )
    found = parse_extended(data, LIMITS)
    assert (found.path, found.link) == ("dir/café".encode(), b"target")
    assert (found.size, found.uid, found.gid, found.mtime_ns) == (123456789012, 4000000000, 5, 1_500_000_000)
    assert found.xattrs == {b"user.a": b"\x00\xff", b"user.b c": b"\x00\xff"}


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        (b"0", 0),
        (b"1.", 1_000_000_000),
        (b"1.000000001", 1_000_000_001),
        (b"1.0000000019", 1_000_000_001),
        (b"-1.5", -1_500_000_000),
        (b"-0.25", -250_000_000),
        (b"-1.0000000001", -1_000_000_001),
        (b"9223372036.854775807", (1 << 63) - 1),
        (b"9223372036.854775808", 0),
        (b"15032385535", 0),
        (b"-9223372036.854775808", 0),
        (b"9" * 18, 0),
    ],
)
def test_times(text: bytes, time_ns: int) -> None:
    assert parse_extended(record(b"mtime", text), LIMITS).mtime_ns == time_ns


@pytest.mark.parametrize("text", [b"1e5", b"0x1", b" 1", b"1,5", b"1.-5", b"--1", b"inf", b".5"])
def test_what_is_no_time(text: bytes) -> None:
    with pytest.raises(InvalidArgument, match="is no time in seconds"):
        parse_extended(record(b"mtime", text), LIMITS)


def test_the_same_value_twice_is_no_contradiction() -> None:
    assert parse_extended(record(b"path", b"a") * 2, LIMITS).path == b"a"
    both = record(b"SCHILY.xattr.user.a", b"v") + record(b"LIBARCHIVE.xattr.user.a", b"dg==")
    assert parse_extended(both, LIMITS).xattrs == {b"user.a": b"v"}


def test_a_global_header_may_have_comments() -> None:
    check_global(record(b"comment", b"0123456789abcdef"), LIMITS)
    with pytest.raises(InvalidArgument, match='the global record "mtime" is not supported; readers disagree'):
        check_global(record(b"mtime", b"1"), LIMITS)


@pytest.mark.parametrize("text", [b"", b"-1", b"+1", b"1_0", b" 1", "٣".encode(), b"9" * 20, b"%d" % (1 << 63)])
def test_what_is_no_decimal(text: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"size: .* is no decimal number"):
        decimal(text, "size")
