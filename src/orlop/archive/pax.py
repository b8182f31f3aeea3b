"""PAX extended headers (POSIX.1-2001 pax, "pax Extended Header"), with the records that GNU tar, star and bsdtar add.

Only what changes the extracted file is kept. A record that readers are known to treat differently is an error.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .entry_path import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contract import Limits

_LENGTH = re.compile(rb"([1-9][0-9]{0,9}) ")
_DECIMAL = re.compile(rb"[0-9]{1,19}")
_TIME = re.compile(rb"(-?)([0-9]{1,18})(?:\.([0-9]*))?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")

_SCHILY_XATTR = b"SCHILY.xattr."
_LIBARCHIVE_XATTR = b"LIBARCHIVE.xattr."
_GNU_SPARSE = b"GNU.sparse."
_CHARSETS = (b"BINARY", b"ISO-IR 10646 2000 UTF-8")  # what POSIX names, and what GNU tar and bsdtar write

# Records that make something else of an entry for some readers, and nothing for others.
_REFUSED = {
    b"GNU.dumpdir": "an incremental backup's directory",
    b"GNU.volume.filename": "a part of a multi-volume archive",
    b"GNU.volume.size": "a part of a multi-volume archive",
    b"GNU.volume.offset": "a part of a multi-volume archive",
    b"SCHILY.offset": "a part of a multi-volume archive",
    b"SCHILY.filetype": "star's own file type",
    b"SCHILY.realsize": "star's own sparse file",
    b"SCHILY.devmajor": "device numbers outside of the header",
    b"SCHILY.devminor": "device numbers outside of the header",
    b"SUN.holesdata": "Solaris' own sparse file",
}
_SINGLE = frozenset((b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime"))
# In the year 2262. A file with a time beyond that gets the epoch, as with containerd and docker. Those do so for times
# before 1970 too: we keep them, as GNU tar and umoci.
MAX_TIME_NS = (1 << 63) - 1


@dataclass(slots=True)
class Extended:
    """What the extended headers of one entry say. None: nothing, the header holds."""

    path: bytes | None = None
    link: bytes | None = None
    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    mtime_ns: int | None = None
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    sparse: dict[bytes, bytes] = field(default_factory=dict)  # GNU.sparse.*, without that prefix
    sparse_map: list[int] = field(default_factory=list)  # of format 0.0: offset and length by turns


def records(data: bytes, limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    """Keyword and value of each record.

    Raises:
        InvalidArgument: a record is malformed, or there are too many.
    """
    at, count = 0, 0
    while at < len(data):
        length = _LENGTH.match(data, at)
        end = at + int(length[1]) if length else 0
        if length is None or end > len(data) or end <= length.end() or data[end - 1] != 0x0A:
            raise InvalidArgument(f"pax: the record at byte {at} is malformed", hint="the archive is damaged")
        keyword, equals, value = data[length.end() : end - 1].partition(b"=")
        if not equals or not keyword or b"\x00" in keyword:
            raise InvalidArgument(f"pax: the record at byte {at} has no keyword")
        count += 1
        if count > limits.pax_records:
            raise InvalidArgument(f"pax: more records than the limit of {limits.pax_records}")
        yield keyword, value
        at = end


def parse_extended(data: bytes, limits: Limits) -> Extended:
    """What the records of an `x` header say.

    Raises:
        InvalidArgument: a record is malformed, contradicts another, or is one that readers disagree about.
    """
    result = Extended()
    seen: dict[bytes, bytes] = {}
    for keyword, value in records(data, limits):
        if keyword in _REFUSED:
            raise InvalidArgument(f"pax: {keyword.decode()}: {_REFUSED[keyword]} is not supported")
        if keyword in _SINGLE:
            _once(seen, keyword, value)
        elif keyword.startswith((_SCHILY_XATTR, _LIBARCHIVE_XATTR)):
            _xattr(result, keyword, value, limits)
        elif keyword.startswith(_GNU_SPARSE):
            _sparse(result, keyword, value, limits)
        elif keyword == b"hdrcharset" and value not in _CHARSETS:
            raise InvalidArgument(f'pax: hdrcharset: "{shown(value)}" is not supported', hint="use UTF-8 or BINARY")
    _apply(result, seen)
    return result


def check_global(data: bytes, limits: Limits) -> None:
    """Check a `g` header: comments are fine (git writes one), anything else holds for later entries or does not.

    GNU tar, bsdtar and Python apply such a record to all entries behind it; Go, and so containerd, to none.

    Raises:
        InvalidArgument: there is such a record.
    """
    for keyword, _ in records(data, limits):
        if keyword != b"comment":
            raise InvalidArgument(
                f'pax: the global record "{shown(keyword)}" is not supported',
                hint="readers disagree whether it applies",
            )


def _once(seen: dict[bytes, bytes], keyword: bytes, value: bytes) -> None:
    if seen.setdefault(keyword, value) != value:
        raise InvalidArgument(f"pax: {keyword.decode()} is there twice, with different values")
    if not value or b"\x00" in value:  # an empty value means "as if not there" to POSIX, and an error to some
        raise InvalidArgument(f"pax: {keyword.decode()}: the value is empty or has a NUL byte")


def _apply(result: Extended, seen: dict[bytes, bytes]) -> None:
    result.path, result.link = seen.get(b"path"), seen.get(b"linkpath")
    if b"size" in seen:
        result.size = decimal(seen[b"size"], "pax: size")
    if b"uid" in seen:
        result.uid = decimal(seen[b"uid"], "pax: uid")
    if b"gid" in seen:
        result.gid = decimal(seen[b"gid"], "pax: gid")
    if b"mtime" in seen:
        result.mtime_ns = _time_ns(seen[b"mtime"])


def decimal(value: bytes, name: str) -> int:
    """A decimal number without sign, below 2^63.

    Raises:
        InvalidArgument: it is not, naming `name`.
    """
    if _DECIMAL.fullmatch(value) is None or int(value) >= 1 << 63:
        raise InvalidArgument(f'{name}: "{shown(value)}" is no decimal number below 2^63')
    return int(value)


def _time_ns(value: bytes) -> int:
    """Nanoseconds; digits behind the ninth are cut, which is towards the past as GNU tar does."""
    match = _TIME.fullmatch(value)
    if match is None:
        raise InvalidArgument(f'pax: mtime: "{shown(value)}" is no time in seconds')
    sign, seconds, fraction = match.groups()
    fraction = fraction or b""
    time_ns = int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))
    if sign:
        time_ns = -time_ns - bool(fraction[9:].strip(b"0"))
    return time_ns if abs(time_ns) <= MAX_TIME_NS else 0


def _xattr(result: Extended, keyword: bytes, value: bytes, limits: Limits) -> None:
    if keyword.startswith(_SCHILY_XATTR):
        name = keyword.removeprefix(_SCHILY_XATTR)
        if b"%3D" in name or b"%25" in name:
            raise InvalidArgument(
                f'pax: xattr "{shown(name)}": the name is escaped', hint="GNU tar takes that as = or %, Go does not"
            )
    else:
        name = _PERCENT.sub(lambda escape: bytes([int(escape[1], 16)]), keyword.removeprefix(_LIBARCHIVE_XATTR))
        value = _base64(value, name)
    if not name or len(name) > limits.name_bytes or b"\x00" in name:
        raise InvalidArgument(f'pax: xattr "{shown(name)}": no name of 1 to {limits.name_bytes} bytes')
    if result.xattrs.setdefault(name, value) != value:
        raise InvalidArgument(f'pax: xattr "{shown(name)}" is there twice, with different values')
    if sum(map(len, result.xattrs)) + sum(map(len, result.xattrs.values())) > limits.xattr_bytes:
        raise InvalidArgument(f"pax: xattrs take more than the limit of {limits.xattr_bytes} bytes")


def _base64(value: bytes, name: bytes) -> bytes:
    """libarchive leaves the padding out."""
    stripped = value.rstrip(b"=")
    try:
        return a2b_base64(stripped + b"=" * (-len(stripped) % 4), strict_mode=True)
    except Base64Error as error:
        raise InvalidArgument(f'pax: xattr "{shown(name)}": the value is no base64') from error


def _sparse(result: Extended, keyword: bytes, value: bytes, limits: Limits) -> None:
    name = keyword.removeprefix(_GNU_SPARSE)
    if name not in (b"offset", b"numbytes"):
        if result.sparse.setdefault(name, value) != value:
            raise InvalidArgument(f"pax: {shown(keyword)} is there twice, with different values")
        return
    if name != (b"numbytes" if len(result.sparse_map) % 2 else b"offset"):
        raise InvalidArgument("pax: GNU.sparse.offset and GNU.sparse.numbytes do not take turns")
    if len(result.sparse_map) >= 2 * limits.sparse_segments:
        raise InvalidArgument(f"sparse: more segments than the limit of {limits.sparse_segments}")
    result.sparse_map.append(decimal(value, f"pax: {keyword.decode()}"))
