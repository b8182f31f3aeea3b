"""The libraries that ld.so.cache names: glibc's `glibc-ld.so.cache1.1`, alone or behind the older format.

The file is the host's own, written by ldconfig. An entry's flags tell for which machine it is, in numbers that differ
between architectures; whoever looks one up checks the library itself.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OLD_MAGIC = b"ld.so-1.7.0\0"
_OLD_HEADER = struct.Struct("=12sI")
_OLD_ENTRY_BYTES = 12
_NEW_MAGIC = b"glibc-ld.so.cache1.1"
_NEW_HEADER = struct.Struct("=20sII20s")
_NEW_ENTRY = struct.Struct("=iIIIQ")  # flags, offset of the name, offset of the path, OS version, hwcap


def read_ld_cache(path: Path) -> dict[str, list[str]]:
    """Paths of libraries by name, in the cache's order; empty where there is no cache, or one that is not glibc's."""
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    try:
        return _parse(data)
    except (struct.error, ValueError):
        return {}


def _parse(data: bytes) -> dict[str, list[str]]:
    start = 0
    if data.startswith(_OLD_MAGIC):
        _, count = _OLD_HEADER.unpack_from(data)
        start = _OLD_HEADER.size + count * _OLD_ENTRY_BYTES
        start += -start % 8
    magic, count, _, _ = _NEW_HEADER.unpack_from(data, start)
    found: dict[str, list[str]] = {}
    if magic != _NEW_MAGIC:
        return found
    for index in range(min(count, len(data) // _NEW_ENTRY.size)):
        _, name, path, _, _ = _NEW_ENTRY.unpack_from(data, start + _NEW_HEADER.size + index * _NEW_ENTRY.size)
        found.setdefault(_text(data, start + name), []).append(_text(data, start + path))
    return found


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode() if offset < len(data) else ""
