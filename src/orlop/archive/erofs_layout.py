"""Where each inode of an index goes. Only places and sizes are decided here; erofs_image.py fills them.

The root comes first, for its number has 16 bits in the superblock. Each directory's children follow each other, so
that reading a directory with all its inodes reads neighbouring blocks. Behind the inodes is the data area: blocks of
directories that are too long to stand behind their inode, long link targets, and copied parts of sparse files.
"""

from __future__ import annotations

import stat
from array import array
from typing import TYPE_CHECKING, NamedTuple

from .erofs_chunks import ChunkPlan, plan_sparse, whole_file_bits
from .erofs_directory import directory_size
from .erofs_format import (
    BLOCK_BYTES,
    CHUNK_INDEX,
    COMPACT_INODE,
    EXTENDED_INODE,
    META_OFFSET,
    NID_BITS,
    NID_BYTES,
    ROOM_BYTES,
    XATTR_HEADER,
    align,
)
from .erofs_tree import RECORD, ROOT

if TYPE_CHECKING:
    from .erofs_tree import LayerTree

_MAX_COMPACT_ID = 0xFFFF
_MAX_COMPACT_SIZE = 0xFFFF_FFFF
_MAX_COMPACT_CHILDREN = 0xFFFF - 2  # i_nlink has 16 bits there


class Flat(NamedTuple):
    """A directory or a link target: `blocks` blocks from `first_block` of the data area on, and the rest inline.

    `size` is the whole one. Nothing is inline where `is_inline` is false: then the last block is padded.
    """

    size: int
    first_block: int
    blocks: int
    is_inline: bool


class Layout:
    """The places of all inodes that can be reached.

    `order` has the nodes by rising nid, `nids` the nid by node (0 for a node that is in no directory any more), `links`
    the number of names where it is not 1. `flats` and `copies` say what goes to the data area, where blocks count from
    its own begin. `meta_end` is where the inodes end, `time` the one of all compact inodes.
    """

    def __init__(self, tree: LayerTree) -> None:
        self.order = array("I")
        self.nids = array("I", bytes(4 * (len(tree.records) // RECORD.size)))
        self.links: dict[int, int] = {}
        self.flats: dict[int, Flat] = {}
        self.copies: dict[int, int] = {}  # first block, of sparse files that are copied
        self.parents = {ROOT: ROOT}  # of directories
        self.data_blocks = 0
        self.meta_end = META_OFFSET
        self.time = _majority_time(tree.records)
        self._tree = tree
        self._place_all()

    def is_compact(self, node: int, fields: tuple[int, ...]) -> bool:
        """Whether a node fits the 32-byte inode; `fields` is its record."""
        _, uid, gid, seconds, nanoseconds, size, _ = fields
        return (
            (seconds, nanoseconds) == self.time
            and uid <= _MAX_COMPACT_ID
            and gid <= _MAX_COMPACT_ID
            and size <= _MAX_COMPACT_SIZE
            and node not in self._tree.linked
            and node not in self._tree.implied  # which index_file.py may give other attributes
            and len(self._tree.children.get(node, ())) <= _MAX_COMPACT_CHILDREN
        )

    def sparse_plan(self, node: int, size: int, data_offset: int) -> ChunkPlan:
        """How a sparse file is cut. Made twice rather than kept: a plan is many objects."""
        places = iter(self._tree.segments[node])
        return plan_sparse(size, data_offset, list(zip(places, places, strict=True)))

    def _place_all(self) -> None:
        children = self._tree.children
        self._place(ROOT)
        directories = [ROOT]
        for directory in directories:  # grows while it runs
            for node in children[directory].values():
                if self.nids[node]:
                    self.links[node] = self.links.get(node, 1) + 1
                    continue
                if node in children:
                    self.parents[node] = directory
                    directories.append(node)
                self._place(node)

    def _place(self, node: int) -> None:
        """Give a node the next place that is right for it."""
        fields = RECORD.unpack_from(self._tree.records, node * RECORD.size)
        kind, size = stat.S_IFMT(fields[0]), fields[5]
        header = COMPACT_INODE.size if self.is_compact(node, fields) else EXTENDED_INODE.size
        entries = self._tree.xattrs.get(node, b"")
        if node in self._tree.implied:
            header += ROOM_BYTES + len(entries)
        elif entries:
            header += XATTR_HEADER.size + len(entries)
        position = align(self.meta_end, NID_BYTES)
        if kind == stat.S_IFREG:
            self.meta_end = position + header
            if size:
                self.meta_end = align(self.meta_end, CHUNK_INDEX.size) + CHUNK_INDEX.size * self._chunks(node, fields)
        elif kind in {stat.S_IFDIR, stat.S_IFLNK}:
            position = self._place_flat(node, size, position, header)
        else:
            self.meta_end = position + header
        self.nids[node] = position >> NID_BITS
        self.order.append(node)

    def _chunks(self, node: int, fields: tuple[int, ...]) -> int:
        size = fields[5]
        if node not in self._tree.segments:
            return -(-size >> whole_file_bits(size))
        plan = self.sparse_plan(node, size, fields[6])
        if plan.is_copied:
            self.copies[node] = self.data_blocks
            self.data_blocks += plan.copied_bytes // BLOCK_BYTES
        return plan.chunks

    def _place_flat(self, node: int, size: int, position: int, header: int) -> int:
        """The place of a directory or a link, whose last part stands behind the inode if that is one block with it."""
        children = self._tree.children.get(node)
        tail = size
        if children is not None:
            children = self._tree.children[node] = dict(sorted(children.items()))
            size = directory_size(sorted([*children, b".", b".."]))
            tail = (size - 1) % BLOCK_BYTES + 1
        is_inline = header + tail <= BLOCK_BYTES and node not in self._tree.implied  # there the room ends the inode
        blocks = (size - tail) // BLOCK_BYTES if is_inline else -(-size // BLOCK_BYTES)
        if is_inline and position % BLOCK_BYTES + header + tail > BLOCK_BYTES:
            position = align(position, BLOCK_BYTES)
        self.meta_end = position + header + (tail if is_inline else 0)
        self.flats[node] = Flat(size, self.data_blocks, blocks, is_inline)
        self.data_blocks += blocks
        return position


def _majority_time(records: bytearray) -> tuple[int, int]:
    """The time that most nodes have, if it is more than half of them; else one of the others (Boyer and Moore)."""
    time, lead = (0, 0), 0
    for fields in RECORD.iter_unpack(records):
        if (fields[3], fields[4]) == time:
            lead += 1
        elif lead:
            lead -= 1
        else:
            time, lead = (fields[3], fields[4]), 1
    return time
