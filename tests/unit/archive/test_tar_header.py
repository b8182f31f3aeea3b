"""One header block, as the writers of the world make it."""

from __future__ import annotations

import pytest

from orlop.archive.tar_header import Header, device_numbers, number, parse_header
from orlop.errors import InvalidArgument
from tar_bytes import GNU, V7, base256, header, with_checksum


def test_the_fields_of_a_plain_header() -> None:
    block = header(b"usr/bin/true", b"0", 1234, mode=0o4755, uid=1, gid=2, mtime=3)
    assert parse_header(block) == Header(b"usr/bin/true", ord("0"), 0o4755, 1, 2, 1234, 3, b"")


def test_a_name_of_a_hundred_bytes_has_no_nul() -> None:
    assert parse_header(header(b"n" * 100, link=b"l" * 100)).name == b"n" * 100
    assert parse_header(header(b"n" * 100, link=b"l" * 100)).link == b"l" * 100


def test_a_prefix_counts_in_ustar_only() -> None:
    assert parse_header(header(b"name", prefix=b"a/b")).name == b"a/b/name"
    assert parse_header(header(b"name", prefix=b"00000000001", magic=GNU)).name == b"name"
    assert parse_header(header(b"name", prefix=b"a/b", magic=V7)).name == b"name"


def test_the_prefix_of_star_is_shorter() -> None:
    tail = b"p" * 131 + b"00000000001\x0000000000002\x00" + b"\x00" * 8 + b"tar\x00"
    assert parse_header(header(b"name", tail=tail)).name == b"p" * 131 + b"/name"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000644\x00", 0o644),
        (b"000644 \x00", 0o644),
        (b"   644 \x00", 0o644),
        (b"00000644", 0o644),
        (b"644\x00\x00\x00\x00\x00", 0o644),
        (bytes(8), 0),
        (b" " * 8, 0),
        (base256(1 << 40, 8), 1 << 40),
    ],
)
def test_numbers(field: bytes, value: int) -> None:
    assert number(field, "mode") == value


def test_a_time_may_be_negative() -> None:
    assert number(base256(-5, 12), "mtime", may_be_negative=True) == -5
    assert parse_header(header(b"a", mtime=base256(-5, 12))).mtime == -5


@pytest.mark.parametrize(
    "field", [b"-000644\x00", b"0o00644\x00", b"0_00644\x00", b"0000648\x00", b"64\x004444\x00", b"\x00000644\x00"]
)
def test_what_is_no_number(field: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"mode: .* is no octal number"):
        number(field, "mode")


def test_the_checksum_may_be_of_signed_bytes() -> None:
    block = header("é".encode() * 20)
    assert parse_header(block).name == "é".encode() * 20
    signed = sum(one - 256 * (one > 127) for one in block[:148] + block[156:]) + 256
    assert parse_header(block[:148] + b"%06o\x00 " % signed + block[156:]).name == "é".encode() * 20


def test_a_wrong_checksum_is_told() -> None:
    block = bytearray(header(b"name"))
    block[0] += 1
    with pytest.raises(InvalidArgument, match="checksum: the header says"):
        parse_header(bytes(block))


def test_a_checksum_that_is_right_modulo_adler_is_wrong() -> None:
    """Adler-32 counts modulo 65521: the shortcut must not take a sum that is off by that."""
    block = bytearray(header(b"\xff" * 100, link=b"\xff" * 100, prefix=b"\xff" * 150))
    total = sum(block[:148]) + sum(block[156:]) + 256
    assert total > 65521
    block[148:156] = b"%06o\x00 " % (total - 65521)
    with pytest.raises(InvalidArgument, match="checksum"):
        parse_header(bytes(block))


def test_device_numbers_are_those_of_linux() -> None:
    assert device_numbers(header(b"a", b"3", device=(4095, (1 << 20) - 1))) == (4095, (1 << 20) - 1)
    with pytest.raises(InvalidArgument, match="is no device number"):
        device_numbers(header(b"a", b"3", device=(4096, 0)))


def test_a_blank_size_of_a_directory_is_none() -> None:
    assert parse_header(header(b"a", b"5", bytes(12))).size == 0
    assert parse_header(with_checksum(header(b"a", b"5"))).size == 0
