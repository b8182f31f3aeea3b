"""One header block of a tar archive: its fields as they stand there, before PAX and GNU extensions.

Fields that readers are known to understand differently are errors here: which file a layer holds must not depend on
who reads it.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from orlop.errors import InvalidArgument

BLOCK_BYTES = 512
ZERO_BLOCK = bytes(BLOCK_BYTES)

USTAR_MAGIC = b"ustar\x0000"  # POSIX.1-1988, PAX
GNU_MAGIC = b"ustar  \x00"
_STAR_TRAILER = b"tar\x00"  # Schily's star before PAX: access and change times behind a shorter prefix

# Mode, uid, gid, size, mtime, checksum as practically every writer formats them, behind each other from byte 100 on.
_PLAIN_NUMBERS = re.compile(
    rb"([0-7]{7})\x00([0-7]{7})\x00([0-7]{7})\x00([0-7]{11})[\x00 ]([0-7]{11})[\x00 ]([0-7]{6})\x00 "
)
_OCTAL = re.compile(rb" *([0-7]*)[ \x00]*")
_CHECKSUM = slice(148, 156)
_CHECKSUM_AS_SPACES = 8 * 0x20


class Header(NamedTuple):
    """A header's fields. `link` and `name` are cut at their NUL; `mtime` is in seconds."""

    name: bytes
    type: int  # the type flag's byte
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    link: bytes


def parse_header(block: bytes) -> Header:
    """The fields of a block of 512 bytes that is not all zeros.

    Raises:
        InvalidArgument: the checksum does not match, or a field is malformed.
    """
    plain = _PLAIN_NUMBERS.match(block, 100)
    if plain is None or not block.isascii():
        return _parse_slowly(block)
    mode, uid, gid, size, mtime, checksum = plain.groups()
    # Of ASCII the sum stays below Adler-32's modulus, and the signed sum is the unsigned one. The lower half of
    # Adler-32 is that sum plus one, at a tenth of the cost of sum().
    total = (zlib.adler32(block[156:], zlib.adler32(block[:148])) & 0xFFFF) - 1 + _CHECKSUM_AS_SPACES
    if total != int(checksum, 8):
        return _parse_slowly(block)
    name = block[:100].partition(b"\x00")[0]
    if block[345]:
        name = _prefix(block) + name
    link = block[157:257].partition(b"\x00")[0] if block[157] else b""
    return Header(name, block[156], int(mode, 8), int(uid, 8), int(gid, 8), int(size, 8), int(mtime, 8), link)


def _parse_slowly(block: bytes) -> Header:
    _check_sum(block)
    size = block[124:136]
    if block[156] in b"07\x00" and not size.strip(b" \x00"):
        raise InvalidArgument("size: the field is blank", hint="readers disagree about such a file's data")
    return Header(
        _prefix(block) + block[:100].partition(b"\x00")[0],
        block[156],
        number(block[100:108], "mode"),
        number(block[108:116], "uid"),
        number(block[116:124], "gid"),
        number(size, "size"),
        number(block[136:148], "mtime", may_be_negative=True),
        block[157:257].partition(b"\x00")[0],
    )


def _check_sum(block: bytes) -> None:
    field = block[_CHECKSUM]
    told = _octal(field, "checksum")
    unsigned = sum(block) - sum(field) + _CHECKSUM_AS_SPACES
    # Old Sun and BSD writers summed signed chars.
    high = sum(byte >= 0x80 for byte in block) - sum(byte >= 0x80 for byte in field)
    if told not in (unsigned, unsigned - 256 * high):
        raise InvalidArgument(
            f"checksum: the header says {told}, its bytes add up to {unsigned}", hint="the archive is damaged"
        )


def _prefix(block: bytes) -> bytes:
    """What stands before the name, with its slash. GNU and V7 headers have other things in that place."""
    if block[257:265] != USTAR_MAGIC:
        return b""
    end = 476 if block[508:512] == _STAR_TRAILER else 500
    prefix = block[345:end].partition(b"\x00")[0]
    return prefix + b"/" if prefix else b""


def device_numbers(block: bytes) -> tuple[int, int]:
    """Major and minor of a device's header.

    Raises:
        InvalidArgument: the header has none, or they are more than Linux has (12 and 20 bits).
    """
    if block[257:262] != b"ustar":
        raise InvalidArgument(
            "devmajor: a V7 header has no device numbers", hint="write the archive as ustar, GNU or PAX"
        )
    major, minor = number(block[329:337], "devmajor"), number(block[337:345], "devminor")
    if major >= 1 << 12 or minor >= 1 << 20:
        raise InvalidArgument(f"devmajor: {major}:{minor} is no device number of Linux")
    return major, minor


def number(field: bytes, name: str, *, may_be_negative: bool = False) -> int:
    """A numeric field: octal digits, or GNU's base-256, which is big-endian with the top bit of the first byte set.

    Raises:
        InvalidArgument: it is neither, or negative where it may not be, or has more than 63 bits.
    """
    if field[0] < 0x80:
        return _octal(field, name)
    if field[0] not in (0x80, 0xFF):  # GNU tar writes these two; other readers take more, and differ
        raise InvalidArgument(
            f"{name}: a base-256 number starts with byte {field[0]:#04x}", hint="80 or ff may stand there"
        )
    value = int.from_bytes(field[1:], "big") - (1 << 8 * (len(field) - 1) if field[0] == 0xFF else 0)
    if value < 0 and not may_be_negative:
        raise InvalidArgument(f"{name}: the base-256 number {value} is negative")
    if not -(1 << 63) <= value < 1 << 63:
        raise InvalidArgument(f"{name}: the base-256 number {value} has more than 63 bits")
    return value


def _octal(field: bytes, name: str) -> int:
    digits = _OCTAL.fullmatch(field)
    if digits is None:
        text = field.decode("ascii", "backslashreplace").replace("\x00", "\\0")
        raise InvalidArgument(f'{name}: "{text}" is no octal number', hint="the archive is damaged, or no tar archive")
    return int(digits[1] or b"0", 8)
