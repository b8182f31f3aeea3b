"""Directories as EROFS has them: blocks of entries, sorted by name over all blocks, each with its names behind them.

`.` and `..` are entries like others and stand where their names sort. An entry and its name are in one block, and a
name ends where the next begins, the last one of a block at a NUL or at the end of the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .erofs_format import BLOCK_BYTES, DIRENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ENTRY_BYTES = DIRENT.size
_pack = DIRENT.pack


def directory_size(names: Sequence[bytes]) -> int:
    """The size of a directory in bytes; `names` are sorted, with `.` and `..`."""
    size = sum(map(len, names)) + len(names) * _ENTRY_BYTES
    if size <= BLOCK_BYTES:
        return size
    blocks = used = 0
    for name in names:
        need = _ENTRY_BYTES + len(name)
        used += need
        if used > BLOCK_BYTES:
            blocks += 1
            used = need
    return blocks * BLOCK_BYTES + used


def directory_blocks(entries: Iterable[tuple[bytes, int, int]]) -> bytes:
    """The directory itself, of (name, nid, file type) in order; all blocks but the last are full blocks."""
    parts = []
    used = 0
    block: list[tuple[bytes, int, int]] = []
    for entry in entries:
        need = _ENTRY_BYTES + len(entry[0])
        used += need
        if used > BLOCK_BYTES:
            parts.append(_block(block).ljust(BLOCK_BYTES, b"\0"))
            block = []
            used = need
        block.append(entry)
    parts.append(_block(block))
    return b"".join(parts)


def _block(entries: list[tuple[bytes, int, int]]) -> bytes:
    return b"".join(_parts(entries))


def _parts(entries: list[tuple[bytes, int, int]]) -> Iterator[bytes]:
    offset = len(entries) * _ENTRY_BYTES
    for name, nid, file_type in entries:
        yield _pack(nid, offset, file_type, 0)
        offset += len(name)
    for entry in entries:
        yield entry[0]
