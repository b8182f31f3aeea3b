"""Extended attributes in the form that stands behind an EROFS inode. What EROFS has no form for is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .entry_path import shown
from .erofs_format import XATTR_ENTRY, XATTR_HEADER, XATTR_PREFIXES, XATTR_WHOLE_NAMES, align

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_BYTES = 255
VALUE_BYTES = 0xFFFF
ENTRIES_BYTES = 4 * 0xFFFE  # what i_xattr_icount counts, behind the header

_ACL_VERSION = b"\x02\x00\x00\x00"
_CAPABILITY_BYTES = {b"\x02": 20, b"\x03": 24}  # by version


def encode_xattrs(xattrs: Mapping[bytes, bytes]) -> bytes:
    """The entries, ordered by name, without their header. `ValueError` says which attribute cannot be, and why."""
    parts: list[bytes] = []
    for name in sorted(xattrs):
        value = xattrs[name]
        index, rest = _split(name)
        if len(rest) > NAME_BYTES or b"\0" in rest:
            raise ValueError(f"extended attribute {_show(name)}: its name has a NUL, or more than {NAME_BYTES} bytes")
        if len(value) > VALUE_BYTES:
            raise ValueError(f"extended attribute {_show(name)}: {len(value)} bytes; the most are {VALUE_BYTES}")
        if name in XATTR_WHOLE_NAMES and (value[:4] != _ACL_VERSION or len(value) % 8 != 4):
            raise ValueError(f"extended attribute {_show(name)}: not an access control list of version 2")
        if name == b"security.capability" and _CAPABILITY_BYTES.get(value[3:4]) != len(value):
            raise ValueError(f"extended attribute {_show(name)}: not file capabilities of version 2 or 3")
        parts += (XATTR_ENTRY.pack(len(rest), index, len(value)), rest, value, b"\0" * (-len(rest + value) % 4))
    entries = b"".join(parts)
    if len(entries) > ENTRIES_BYTES:
        raise ValueError(f"extended attributes: {len(entries)} bytes together; the most are {ENTRIES_BYTES}")
    return entries


def merge_xattrs(old: bytes, new: bytes) -> bytes:
    """Two sets of entries as one; where both have an attribute, `new` has the value."""
    if not old:
        return new
    entries: dict[bytes, bytes] = {}
    for encoded in (old, new):
        at = 0
        while at < len(encoded):
            length, _, size = XATTR_ENTRY.unpack_from(encoded, at)
            end = at + align(XATTR_ENTRY.size + length + size, 4)
            entries[encoded[at : at + 2] + encoded[at + XATTR_ENTRY.size :][:length]] = encoded[at:end]
            at = end
    return b"".join(entries[key] for key in sorted(entries))


def xattr_body(entries: bytes) -> bytes:
    """What stands behind the inode: the header (no name filter, nothing shared) and the entries; empty for none."""
    return XATTR_HEADER.pack(0, 0) + entries if entries else b""


def xattr_count(entries: bytes) -> int:
    """The inode's i_xattr_icount."""
    return len(entries) // 4 + 1 if entries else 0


def _split(name: bytes) -> tuple[int, bytes]:
    """The index of a name's prefix, and the rest of the name."""
    if name in XATTR_WHOLE_NAMES:
        return XATTR_WHOLE_NAMES[name], b""
    for prefix, index in XATTR_PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            return index, name[len(prefix) :]
    raise ValueError(f"extended attribute {_show(name)}: only user, trusted, security and POSIX ACLs can be kept")


def _show(name: bytes) -> str:
    return f'"{shown(name)}"'
