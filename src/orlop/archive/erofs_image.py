"""The index of a layer: an EROFS image without the files' data, which stay in the raw tar beside it.

`ErofsIndex` takes the entries of a layer while its tar is written, and writes the image. The same entries make the
same bytes. docs/erofs.md has the picture.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotImplementedFeature

from . import erofs_format as fmt
from .contract import Limits
from .erofs_chunks import copied_pieces, index_entries, whole_file_bits, whole_file_index
from .erofs_directory import directory_blocks
from .erofs_layout import Layout
from .erofs_tree import RECORD, ROOT, LayerTree
from .erofs_xattr import encode_xattrs, merge_xattrs, xattr_body, xattr_count
from .ownership import IdMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

    from orlop.oci.digest import Digest

    from .contract import IdRange


MEMORY_BYTES = 40 << 20  # with the interpreter below what an unpacker may have in all
_FLUSH_BYTES = 1 << 18
_COPY_BYTES = 1 << 16


class ErofsIndex:
    """The index of one layer: `add` every entry in the archive's order, then `write` once.

    Args:
        user_xattr: opaque directories are marked for overlayfs's `userxattr`.
        uid_map: owners on the host, for those in the archive; none are mapped where it is empty. So is `gid_map`.
        limits: what a name and a depth may be.
        memory_bytes: what the tree may take; about 200 bytes an entry.
        has_parent: what a hard link names and the layer has not is no error, but `needs_parent`.
    """

    def __init__(
        self,
        *,
        user_xattr: bool = False,
        uid_map: Sequence[IdRange] = (),
        gid_map: Sequence[IdRange] = (),
        limits: Limits | None = None,
        memory_bytes: int = MEMORY_BYTES,
        has_parent: bool = False,
    ) -> None:
        self._tree = LayerTree(
            limits or Limits(),
            memory_bytes=memory_bytes,
            uids=IdMap(uid_map, "uid"),
            gids=IdMap(gid_map, "gid"),
            has_parent=has_parent,
        )
        self._opaque = encode_xattrs({b"user.overlay.opaque" if user_xattr else b"trusted.overlay.opaque": b"y"})
        self.add = self._tree.add  # a call less for each entry

    @property
    def implied(self) -> list[bytes]:
        """The paths of directories that only lower layers describe, b"" for the root; parents first.

        They are 0755 of root with time 0. Where a lower layer has them, they want its attributes: index_file.py.
        """
        return list(self._tree.implied.values())

    @property
    def passed(self) -> list[bytes]:
        """The paths of directories that were implied, until an entry described or replaced them."""
        return self._tree.passed

    @property
    def deleting(self) -> list[bytes]:
        """The paths of directories in which there was a deletion; it may be gone again."""
        return list(self._tree.deleting)

    @property
    def needs_parent(self) -> bool:
        """Whether a hard link names what only a layer below can have. The index lacks it then."""
        return self._tree.needs_parent

    @property
    def dropped_xattrs(self) -> Mapping[bytes, int]:
        """How many files did not get an attribute that their entries have, by its name."""
        return self._tree.dropped_xattrs

    def write(self, output: BinaryIO, *, tar: BinaryIO, tar_bytes: int, diff_id: Digest) -> int:
        """Write the image to `output`, which is empty and seekable; returns the image's size in bytes.

        `tar` is read where a sparse file cannot be used as it stands there. `tar_bytes` is the size of the raw layer.
        `diff_id` names the layer: it goes to the device's tag and the volume's uuid.

        Raises:
            InvalidArgument: an entry's data leave the tar, or the tar has more than EROFS can address.
        """
        tar_blocks = tar_bytes // fmt.BLOCK_BYTES
        if fmt.align(self._tree.data_end, fmt.BLOCK_BYTES) > tar_bytes:  # a device has whole blocks only
            raise InvalidArgument(f"layer: data end at byte {self._tree.data_end} of a tar of {tar_bytes} bytes")
        for node in self._tree.opaque:
            self._tree.xattrs[node] = merge_xattrs(self._tree.xattrs.get(node, b""), self._opaque)
        self._tree.opaque.clear()
        writer = _Writer(self._tree, output)
        if tar_blocks + writer.blocks > fmt.MAX_BLOCKS:
            raise NotImplementedFeature(
                f"layer: a tar of {tar_bytes} bytes has more blocks than an index can name",
                hint="unpack this image with --snapshotter overlayfs",
            )
        writer.write_super(tar_blocks, diff_id)
        writer.write_inodes(tar)
        output.truncate(writer.blocks * fmt.BLOCK_BYTES)
        return writer.blocks * fmt.BLOCK_BYTES


class _Area:
    """One part of the image, written from its begin to its end; what is skipped stays zero."""

    def __init__(self, output: BinaryIO, position: int) -> None:
        self._output = output
        self._start = position
        self._buffer = bytearray()

    def write_at(self, position: int, data: bytes) -> None:
        gap = position - self._start - len(self._buffer)
        if len(self._buffer) > _FLUSH_BYTES or gap > _FLUSH_BYTES:
            self.flush()
            self._start, gap = position, 0
        self._buffer += bytes(gap)
        self._buffer += data

    def flush(self) -> None:
        self._output.seek(self._start)
        _write_all(self._output, self._buffer)
        self._start += len(self._buffer)
        self._buffer.clear()


def _write_all(output: BinaryIO, data: bytes | bytearray) -> None:
    """Write all of it: an unbuffered file may take less at once."""
    with memoryview(data) as left:
        done = 0
        while done < len(left):
            done += output.write(left[done:])


class _Writer:
    """Writes the image of a tree whose layout is made."""

    def __init__(self, tree: LayerTree, output: BinaryIO) -> None:
        self._tree = tree
        self._layout = Layout(tree)
        self._first_data_block = -(-self._layout.meta_end // fmt.BLOCK_BYTES)
        size = (self._first_data_block + self._layout.data_blocks) * fmt.BLOCK_BYTES
        self.blocks = fmt.align(size, fmt.IMAGE_UNIT_BYTES) // fmt.BLOCK_BYTES
        self._output = output
        self._data = _Area(output, self._first_data_block * fmt.BLOCK_BYTES)

    def write_super(self, tar_blocks: int, diff_id: Digest) -> None:
        """The superblock, and the slot of the tar."""
        layout = self._layout
        seconds, nanoseconds = layout.time
        block = bytearray(fmt.META_OFFSET)
        fmt.SUPER.pack_into(
            block,
            fmt.SUPER_OFFSET,
            fmt.MAGIC,
            0,
            fmt.COMPAT_CHECKSUM | fmt.COMPAT_MTIME,
            fmt.BLOCK_BITS,
            0,
            layout.nids[ROOT],
            len(layout.order),
            seconds,
            nanoseconds,
            self.blocks,
            0,
            0,
            bytes.fromhex(diff_id.encoded[:32]),
            b"",
            fmt.INCOMPAT_CHUNKED_FILE | fmt.INCOMPAT_DEVICE_TABLE,
            0,
            1,
            fmt.DEVICE_SLOT_OFFSET // fmt.DEVICE_SLOT.size,
            0,
            0,
            0,
            0,
        )
        # Mapped behind the image: mounted without its device, the kernel looks for the data there, and not in our
        # inodes; and `cat layer.erofs layer.tar` is an image in one piece.
        fmt.DEVICE_SLOT.pack_into(
            block, fmt.DEVICE_SLOT_OFFSET, diff_id.encoded[:64].encode("ascii"), tar_blocks, self.blocks
        )
        checksum = fmt.crc32c(block[fmt.SUPER_OFFSET :])
        fmt.CHECKSUM.pack_into(block, fmt.CHECKSUM_OFFSET, checksum)
        self._output.seek(0)
        _write_all(self._output, block)

    def write_inodes(self, tar: BinaryIO) -> None:
        """All inodes, and what the data area holds."""
        meta = _Area(self._output, fmt.META_OFFSET)
        nids = self._layout.nids
        for node in self._layout.order:
            meta.write_at(nids[node] << fmt.NID_BITS, self._inode(node, tar))
        meta.flush()
        self._data.flush()

    def _inode(self, node: int, tar: BinaryIO) -> bytes:
        """An inode with all that stands behind it."""
        fields = RECORD.unpack_from(self._tree.records, node * RECORD.size)
        kind = stat.S_IFMT(fields[0])
        if kind == stat.S_IFREG:
            return self._file(node, fields, tar)
        if kind == stat.S_IFDIR:
            children = self._tree.children[node]
            records, nids, stride = self._tree.records, self._layout.nids, RECORD.size
            types = [fmt.FILE_TYPES[records[child * stride + 1] >> 4] for child in children.values()]
            names = [
                *zip(children, map(nids.__getitem__, children.values()), types, strict=True),
                (b".", nids[node], 2),
                (b"..", nids[self._layout.parents[node]], 2),
            ]
            names.sort()
            inode = self._flat(node, fields, directory_blocks(names), 2 + types.count(2))
            return inode if node not in self._tree.implied else self._with_room(node, inode)
        if kind == stat.S_IFLNK:
            return self._flat(node, fields, self._tree.targets[node], self._layout.links.get(node, 1))
        return self._header(node, fields, fmt.FLAT_PLAIN, 0, own=fields[6], links=self._layout.links.get(node, 1))

    def _file(self, node: int, fields: tuple[int, ...], tar: BinaryIO) -> bytes:
        size, offset = fields[5], fields[6]
        links = self._layout.links.get(node, 1)
        if not size:
            return self._header(node, fields, fmt.FLAT_PLAIN, 0, own=0, links=links)
        if node not in self._tree.segments:
            bits, index = whole_file_bits(size), whole_file_index(size, offset)
        else:
            plan = self._layout.sparse_plan(node, size, offset)
            bits = plan.bits
            first = self._first_data_block + self._layout.copies.get(node, 0)
            index = index_entries(plan, first)
            if plan.is_copied:
                for piece in copied_pieces(plan):
                    self._copy(tar, piece.tar_offset, first * fmt.BLOCK_BYTES + piece.file_offset, piece.length)
        header = self._header(
            node, fields, fmt.CHUNK_BASED, size, own=fmt.CHUNK_INDEXES | (bits - fmt.BLOCK_BITS), links=links
        )
        return header + b"\0" * (-len(header) % fmt.CHUNK_INDEX.size) + index

    def _flat(self, node: int, fields: tuple[int, ...], content: bytes, links: int) -> bytes:
        flat = self._layout.flats[node]
        first = self._first_data_block + flat.first_block
        split = flat.blocks * fmt.BLOCK_BYTES
        if split:
            self._data.write_at(first * fmt.BLOCK_BYTES, content[:split])
        kind = fmt.FLAT_INLINE if flat.is_inline else fmt.FLAT_PLAIN
        return self._header(node, fields, kind, flat.size, own=first, links=links) + content[split:]

    def _with_room(self, node: int, inode: bytes) -> bytes:
        """An inode that index_file.py may give other attributes; see erofs_format.py."""
        size = fmt.EXTENDED_INODE.size + fmt.ROOM_BYTES + len(self._tree.xattrs.get(node, b""))
        return inode.ljust(size - len(fmt.ROOM_END), b"\0") + fmt.ROOM_END

    def _header(self, node: int, fields: tuple[int, ...], kind: int, size: int, *, own: int, links: int) -> bytes:
        """The inode and its extended attributes. `own` is i_u: an address, a device number, the form of chunks."""
        mode, uid, gid, seconds, nanoseconds, _, _ = fields
        number = self._layout.nids[node]
        entries = self._tree.xattrs.get(node, b"")
        count = xattr_count(entries)
        if self._layout.is_compact(node, fields):
            inode = fmt.COMPACT_INODE.pack(kind, count, mode, links, size, own, number, uid, gid)
        else:
            inode = fmt.EXTENDED_INODE.pack(
                kind | fmt.EXTENDED, count, mode, size, own, number, uid, gid, seconds, nanoseconds, links
            )
        return inode + xattr_body(entries) if entries else inode

    def _copy(self, tar: BinaryIO, source: int, target: int, length: int) -> None:
        """Copy file data out of the tar into the data area."""
        tar.seek(source)
        done = 0
        while done < length:
            data = tar.read(min(_COPY_BYTES, length - done))
            if not data:
                raise InvalidArgument(f"layer: the tar ends at byte {source + done}, inside of a file")
            self._data.write_at(target + done, data)
            done += len(data)
