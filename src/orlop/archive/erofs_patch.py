"""Attributes of directories in an index that is written already.

A layer may have files in directories that it has no entry of: these were lower layers', and what their mode and owner
are is known only when the layer is put on top of others. An index keeps room for it: such inodes are extended ones.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound

from . import erofs_format as fmt
from .entry_path import shown

if TYPE_CHECKING:
    from typing import BinaryIO


def set_directory_attributes(image: BinaryIO, path: bytes, *, mode: int, uid: int, gid: int, mtime_ns: int) -> None:
    """Give the directory at `path` of an index of ours, one of `ErofsIndex.implied`, what a lower layer's has.

    The file system must not be mounted. Extended attributes stay as they are, for there is no room.

    Raises:
        NotFound: the index has no such directory.
        FailedPrecondition: its inode is a compact one: the layer has an entry of it.
        InvalidArgument: `image` is no index.
    """
    image.seek(fmt.SUPER_OFFSET)
    fields = fmt.SUPER.unpack(image.read(fmt.SUPER.size).ljust(fmt.SUPER.size, b"\0"))
    if fields[0] != fmt.MAGIC or fields[3] != fmt.BLOCK_BITS:
        raise InvalidArgument("index: it is no EROFS image with blocks of 512 bytes")
    nid = fields[5]
    for name in path.split(b"/") if path else []:
        nid = _child(image, nid, name, path)
    offset = nid << fmt.NID_BITS
    form, count, old_mode, size, own, number, *_, links = _extended(image, offset, path)
    seconds, nanoseconds = divmod(mtime_ns, 1_000_000_000)
    new_mode = stat.S_IFMT(old_mode) | stat.S_IMODE(mode)
    image.seek(offset)
    image.write(
        fmt.EXTENDED_INODE.pack(form, count, new_mode, size, own, number, uid, gid, seconds, nanoseconds, links)
    )


def _extended(image: BinaryIO, offset: int, path: bytes) -> tuple[int, ...]:
    image.seek(offset)
    fields: tuple[int, ...] = fmt.EXTENDED_INODE.unpack(image.read(fmt.EXTENDED_INODE.size))
    if not fields[0] & fmt.EXTENDED:
        raise FailedPrecondition(f'index: "{shown(path)}": the layer itself says what this directory is like')
    return fields


def _child(image: BinaryIO, nid: int, name: bytes, path: bytes) -> int:
    """The number of the directory `name` of a directory."""
    content = _directory(image, nid << fmt.NID_BITS)
    for start in range(0, len(content), fmt.BLOCK_BYTES):
        block = content[start : start + fmt.BLOCK_BYTES]
        heads = list(fmt.DIRENT.iter_unpack(block[: fmt.DIRENT.unpack_from(block)[1]]))
        ends = [*(head[1] for head in heads[1:]), len(block)]
        for (child, begin, file_type, _), end in zip(heads, ends, strict=True):
            if block[begin:end].rstrip(b"\0") == name and file_type == fmt.FILE_TYPES[stat.S_IFDIR >> 12]:
                return int(child)
    raise NotFound(f'index: there is no directory "{shown(path)}"')


def _directory(image: BinaryIO, offset: int) -> bytes:
    """The blocks of a directory."""
    image.seek(offset)
    inode = image.read(fmt.EXTENDED_INODE.size)
    if inode[0] & fmt.EXTENDED:
        form, count, _, size, own, *_ = fmt.EXTENDED_INODE.unpack(inode)
        offset += fmt.EXTENDED_INODE.size
    else:
        form, count, _, _, size, own, *_ = fmt.COMPACT_INODE.unpack_from(inode)
        offset += fmt.COMPACT_INODE.size
    offset += fmt.XATTR_HEADER.size + 4 * (count - 1) if count else 0
    tail = (size - 1) % fmt.BLOCK_BYTES + 1 if form & ~fmt.EXTENDED == fmt.FLAT_INLINE else 0
    image.seek(own * fmt.BLOCK_BYTES)
    leading = image.read(size - tail)
    image.seek(offset)
    return leading + image.read(tail)
