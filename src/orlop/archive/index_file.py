"""The directories of an index that is written already: what they are, and what they become on top of other layers.

A layer may have files in directories that it has no entry of: these were lower layers', and what their mode, owner and
attributes are is known only when the layer is put on top of others. An index keeps room for it (erofs_layout.py): the
inode is an extended one, nothing stands behind it but a list of references, and extended attributes go to the end of
the image, where any inode may refer to them (EROFS calls them shared).
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import FailedPrecondition, InvalidArgument, NotImplementedFeature

from . import erofs_format as fmt
from .entry_path import shown
from .erofs_directory import directory_blocks
from .erofs_xattr import encode_xattrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

_OVERLAY_MARKS = (b"trusted.overlay.", b"user.overlay.")
_OPAQUE = (b"trusted.overlay.opaque", b"user.overlay.opaque")
_PREFIXES = {index: name for name, index in (*fmt.XATTR_PREFIXES, *fmt.XATTR_WHOLE_NAMES.items())}
_SUPER_INODES, _SUPER_BLOCKS = 6, 9  # which fields of the superblock have the image's inodes and size
_PLACE = Struct("<I")
_DIRECTORY, _LINK, _DEVICE = (fmt.FILE_TYPES[kind >> 12] for kind in (stat.S_IFDIR, stat.S_IFLNK, stat.S_IFCHR))


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryAttributes:
    """What a directory is. `xattrs` are without overlayfs's marks; `is_opaque` is the one that hides what is below."""

    mode: int  # 0o7777
    uid: int
    gid: int
    mtime_ns: int
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)
    is_opaque: bool = False

    @classmethod
    def of(cls, status: tuple[int, int, int, int], xattrs: Mapping[bytes, bytes]) -> DirectoryAttributes:
        """From mode, uid, gid and mtime_ns, and all extended attributes."""
        mode, uid, gid, mtime_ns = status
        return cls(
            mode=stat.S_IMODE(mode),
            uid=uid,
            gid=gid,
            mtime_ns=mtime_ns,
            xattrs={name: value for name, value in xattrs.items() if not name.startswith(_OVERLAY_MARKS)},
            is_opaque=any(xattrs.get(name) == b"y" for name in _OPAQUE),
        )


class SymbolicLinkError(NotADirectoryError):
    """A symbolic link stands where a directory is looked for."""


class _Inode(NamedTuple):
    """A directory's. `entries` are its own attributes, `shared` the places of others; `end` is behind both."""

    nid: int
    fields: tuple[int, ...]  # of an extended inode
    is_extended: bool
    entries: bytes
    shared: tuple[int, ...]
    end: int


class IndexFile:
    """An index, not mounted. `set_attributes` and `drop_deletions` change it, and `finish` ends that."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises InvalidArgument for what is no index of ours."""
        self._file = file
        self._super = list(fmt.SUPER.unpack(self._read(fmt.SUPER_OFFSET, fmt.SUPER.size).ljust(fmt.SUPER.size, b"\0")))
        if self._super[0] != fmt.MAGIC or self._super[3] != fmt.BLOCK_BITS:
            raise InvalidArgument("index: it is no EROFS image with blocks of 512 bytes")
        self._nids: dict[bytes, int] = {b"": self._super[5]}
        self._end = self._super[_SUPER_BLOCKS] * fmt.BLOCK_BYTES
        self._added = bytearray()  # to the end of the image
        self._places: dict[bytes, int] = {}  # of the attributes in `_added`
        self._moved: dict[int, tuple[int, int]] = {}  # directories in `_added`: by nid, their size and first block

    def look(self, path: bytes) -> DirectoryAttributes:
        """What the directory at `path` is; no link is followed.

        Raises:
            FileNotFoundError: there is nothing.
            SymbolicLinkError: there, or on the way, is a symbolic link.
            NotADirectoryError: there, or on the way, is something else.
        """
        inode = self._inode(self._nid(path))
        _, _, mode, _, _, _, uid, gid, seconds, nanoseconds, _ = inode.fields
        return DirectoryAttributes.of(
            (mode, uid, gid, seconds * 1_000_000_000 + nanoseconds), dict(self._xattrs(inode))
        )

    def set_attributes(self, path: bytes, attributes: DirectoryAttributes) -> None:
        """Give the directory at `path`, one of `ErofsIndex.implied`, other attributes; its own overlay marks stay.

        Raises:
            FileNotFoundError, NotADirectoryError: as `look`.
            FailedPrecondition: the layer has an entry of it.
            InvalidArgument: EROFS has no form for an attribute, or the inode no room for so many.
        """
        inode = self._inode(self._nid(path))
        room = fmt.ROOM_BYTES + len(inode.entries)
        offset = (inode.nid << fmt.NID_BITS) + fmt.EXTENDED_INODE.size
        if not inode.is_extended or self._read(offset + room - len(fmt.ROOM_END), len(fmt.ROOM_END)) != fmt.ROOM_END:
            raise FailedPrecondition(f'index: "{shown(path)}": the layer itself says what this directory is like')
        form, _, _, size, own, number, *_, links = inode.fields
        seconds, nanoseconds = divmod(attributes.mtime_ns, 1_000_000_000)
        shared = self._share(path, attributes.xattrs)
        body = b""
        if shared or inode.entries:
            body = fmt.XATTR_HEADER.pack(0, len(shared))
            body += b"".join(map(_PLACE.pack, shared)) + inode.entries
        count = (len(body) - fmt.XATTR_HEADER.size) // 4 + 1 if body else 0
        mode = stat.S_IFDIR | stat.S_IMODE(attributes.mode)
        fields = (form, count, mode, size, own, number, attributes.uid, attributes.gid, seconds, nanoseconds, links)
        self._file.seek(inode.nid << fmt.NID_BITS)
        self._file.write(fmt.EXTENDED_INODE.pack(*fields) + body)

    def drop_deletions(self, path: bytes) -> None:
        """Take overlayfs's deletions out of the directory at `path`: `finish` puts a new one at the image's end.

        Raises:
            FileNotFoundError, NotADirectoryError: as `look`.
        """
        inode = self._inode(self._nid(path))
        names = [one for number in range(_blocks(inode)) for one in self._names(inode, number)]
        kept = [(name, nid, kind) for name, nid, kind in names if kind != _DEVICE or not self._is_deletion(nid)]
        if len(kept) == len(names):
            return
        self._super[_SUPER_INODES] -= len(names) - len(kept)
        content = directory_blocks(kept)
        self._moved[inode.nid] = len(content), (self._end + self._pad_added(fmt.BLOCK_BYTES)) // fmt.BLOCK_BYTES
        self._added += content

    def _move(self, nid: int, size: int, block: int) -> None:
        """Have an inode say where its directory is now."""
        is_extended = self._inode(nid).is_extended
        head = fmt.EXTENDED_INODE if is_extended else fmt.COMPACT_INODE
        fields = list(head.unpack(self._read(nid << fmt.NID_BITS, head.size)))
        size_field = 3 if is_extended else 4
        fields[0] = fmt.FLAT_PLAIN | (fmt.EXTENDED if is_extended else 0)
        fields[size_field : size_field + 2] = size, block
        self._file.seek(nid << fmt.NID_BITS)
        self._file.write(head.pack(*fields))

    def _pad_added(self, unit: int) -> int:
        """Where in what is added the next multiple of `unit` is."""
        self._added += bytes(-len(self._added) % unit)
        return len(self._added)

    def _is_deletion(self, nid: int) -> bool:
        _, _, mode, _, own, *_ = self._inode(nid).fields
        return stat.S_ISCHR(mode) and not own

    def finish(self) -> None:
        """Write what came to the image's end, and the superblock of an image that is longer for it."""
        if not self._added:
            return
        self._file.seek(self._end)
        self._file.write(self._added.ljust(fmt.align(len(self._added), fmt.IMAGE_UNIT_BYTES), b"\0"))
        blocks = self._file.tell() // fmt.BLOCK_BYTES
        for nid, (size, first) in self._moved.items():
            self._move(nid, size, first)
        self._moved.clear()
        block = bytearray(self._read(0, fmt.META_OFFSET))
        self._super[_SUPER_BLOCKS] = blocks
        fmt.SUPER.pack_into(block, fmt.SUPER_OFFSET, *self._super)
        tag, tar_blocks, _ = fmt.DEVICE_SLOT.unpack_from(block, fmt.DEVICE_SLOT_OFFSET)
        fmt.DEVICE_SLOT.pack_into(block, fmt.DEVICE_SLOT_OFFSET, tag, tar_blocks, blocks)
        fmt.CHECKSUM.pack_into(block, fmt.CHECKSUM_OFFSET, 0)
        fmt.CHECKSUM.pack_into(block, fmt.CHECKSUM_OFFSET, fmt.crc32c(block[fmt.SUPER_OFFSET :]))
        self._file.seek(0)
        self._file.write(block)
        self._end = blocks * fmt.BLOCK_BYTES
        self._added.clear()
        self._places.clear()

    def _share(self, path: bytes, xattrs: Mapping[bytes, bytes]) -> list[int]:
        """Where the attributes stand, as EROFS counts it: in units of 4 bytes."""
        if len(xattrs) > fmt.ROOM_XATTRS:
            raise NotImplementedFeature(
                f'index: "{shown(path)}": {len(xattrs)} extended attributes; the most are {fmt.ROOM_XATTRS}',
                hint="unpack this image with --snapshotter overlayfs",
            )
        places = []
        for name in sorted(xattrs):
            try:
                entry = encode_xattrs({name: xattrs[name]})
            except ValueError as error:
                raise NotImplementedFeature(
                    f'index: "{shown(path)}": {error}', hint="unpack this image with --snapshotter overlayfs"
                ) from None
            if entry not in self._places:
                self._places[entry] = (self._end + self._pad_added(4)) // 4
                self._added += entry
            places.append(self._places[entry])
        return places

    def _xattrs(self, inode: _Inode) -> Iterator[tuple[bytes, bytes]]:
        for place in inode.shared:
            head = self._read(place * 4, fmt.XATTR_ENTRY.size)
            length, _, size = fmt.XATTR_ENTRY.unpack(head)
            yield from _decoded(head + self._read(place * 4 + len(head), length + size))
        yield from _decoded(inode.entries)

    def _nid(self, path: bytes) -> int:
        nid = self._nids.get(path)
        if nid is None:
            parent, _, name = path.rpartition(b"/")
            missing = [name]
            while parent not in self._nids:  # not by recursion: a path may have a thousand parts
                parent, _, name = parent.rpartition(b"/")
                missing.append(name)
            nid = self._nids[parent]
            while missing:
                name = missing.pop()
                nid = self._child(self._inode(nid), name)
                parent = parent + b"/" + name if parent else name
                self._nids[parent] = nid
        return nid

    def _inode(self, nid: int) -> _Inode:
        at = nid << fmt.NID_BITS
        data = self._read(at, fmt.EXTENDED_INODE.size)
        is_extended = bool(data[0] & fmt.EXTENDED)
        if is_extended:
            fields = fmt.EXTENDED_INODE.unpack(data)
            at += fmt.EXTENDED_INODE.size
        else:
            form, count, mode, links, size, own, number, uid, gid = fmt.COMPACT_INODE.unpack_from(data)
            fields = (form, count, mode, size, own, number, uid, gid, self._super[7], self._super[8], links)
            at += fmt.COMPACT_INODE.size
        count = fields[1]
        if not count:
            return _Inode(nid, fields, is_extended, b"", (), at)
        size = fmt.XATTR_HEADER.size + 4 * (count - 1)
        body = self._read(at, size)
        begin = fmt.XATTR_HEADER.size + 4 * fmt.XATTR_HEADER.unpack_from(body)[1]
        shared = tuple(place for (place,) in _PLACE.iter_unpack(body[fmt.XATTR_HEADER.size : begin]))
        return _Inode(nid, fields, is_extended, body[begin:], shared, at + size)

    def _child(self, directory: _Inode, name: bytes) -> int:
        """The number of a directory in a directory, whose names are sorted: blocks by their first name, and in them."""
        first, last = 0, _blocks(directory)
        while last - first > 1:
            middle = (first + last) // 2
            if next(self._names(directory, middle))[0] <= name:
                first = middle
            else:
                last = middle
        for one, nid, file_type in self._names(directory, first):
            if one == name:
                if file_type == _LINK:
                    raise SymbolicLinkError(name)
                if file_type != _DIRECTORY:
                    raise NotADirectoryError(name)
                return nid
        raise FileNotFoundError(name)

    def _names(self, directory: _Inode, number: int) -> Iterator[tuple[bytes, int, int]]:
        """Names, inode numbers and file types of one block of a directory."""
        block = self._block(directory, number)
        heads = list(fmt.DIRENT.iter_unpack(block[: fmt.DIRENT.unpack_from(block)[1]]))
        ends = [*(head[1] for head in heads[1:]), len(block)]
        for (nid, begin, file_type, _), end in zip(heads, ends, strict=True):
            yield block[begin:end].rstrip(b"\0"), nid, file_type

    def _block(self, directory: _Inode, number: int) -> bytes:
        form, _, _, size, own, *_ = directory.fields
        length = min(size - number * fmt.BLOCK_BYTES, fmt.BLOCK_BYTES)
        is_last = (number + 1) * fmt.BLOCK_BYTES >= size
        if is_last and form & ~fmt.EXTENDED == fmt.FLAT_INLINE:
            return self._read(directory.end, length)
        return self._read((own + number) * fmt.BLOCK_BYTES, length)

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)


def _blocks(directory: _Inode) -> int:
    return -(-directory.fields[3] // fmt.BLOCK_BYTES)


def _decoded(entries: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of entries that stand one behind the other."""
    at = 0
    while at < len(entries):
        length, index, size = fmt.XATTR_ENTRY.unpack_from(entries, at)
        name_end = at + fmt.XATTR_ENTRY.size + length
        name = _PREFIXES[index] + entries[at + fmt.XATTR_ENTRY.size : name_end]
        yield name, entries[name_end : name_end + size]
        at += fmt.align(fmt.XATTR_ENTRY.size + length + size, 4)
