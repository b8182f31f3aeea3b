"""Where a file's bytes are, in chunks: in the tar as they stand there, nowhere, or copied beside the index.

A chunk-based inode has one size of chunk, a power of two from 512 on, and an index entry for each chunk. A file that
stands in the tar as a whole needs one entry. A sparse one's segments stand in the tar one behind the other, so that
chunks can point there only where each segment begins a chunk in the file and a block in the tar, and fills its chunks.
Other sparse files are copied into the primary device, in chunks of 4 KiB or more, with their holes left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .erofs_format import BLOCK_BITS, BLOCK_BYTES, CHUNK_INDEX, HOLE, MAX_CHUNK_BITS, PRIMARY_DEVICE, TAR_DEVICE, align

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# An index entry has 8 bytes. These keep all entries of a layer below 1/512 of its files' sizes, or of the tar itself.
_MAX_INDEXES = 1 << 16
_SMALL_FILE_BYTES = 64 << 10
_COPY_CHUNK_BITS = 12

_HOLE_INDEX = CHUNK_INDEX.pack(0, PRIMARY_DEVICE, HOLE)


class Piece(NamedTuple):
    """Bytes to copy: from where in the tar, to where in the file, how many."""

    tar_offset: int
    file_offset: int
    length: int


class ChunkPlan(NamedTuple):
    """How a file is cut: `chunks` chunks of 1 << `bits` bytes.

    `segments` are (offset in the file, offset in the tar, length), in order. Where `is_copied` is true, they go to
    `copied_bytes` bytes of the primary device: the chunks that have data, one behind the other.
    """

    bits: int
    chunks: int
    size: int
    segments: Sequence[tuple[int, int, int]]
    is_copied: bool
    copied_bytes: int


def whole_file_bits(size: int) -> int:
    """The size of chunk for a file that stands in the tar as a whole: one chunk, if there is one that large."""
    return min(max((size - 1).bit_length(), BLOCK_BITS), MAX_CHUNK_BITS)


def plan_sparse(size: int, data_offset: int, pairs: Sequence[tuple[int, int]]) -> ChunkPlan:
    """The plan of a file that has holes; `pairs` are (offset, length) in order, and `size` is not 0."""
    segments = _located(pairs, data_offset)
    bits = _direct_bits(size, segments)
    if bits is not None:
        return ChunkPlan(bits, -(-size >> bits), size, segments, is_copied=False, copied_bytes=0)
    bits = max(_COPY_CHUNK_BITS, (-(-size // _MAX_INDEXES) - 1).bit_length())
    count = -(-size >> bits)
    plan = ChunkPlan(bits, count, size, segments, is_copied=True, copied_bytes=0)
    filled = list(_filled(plan))
    copied = len(filled) << bits
    if filled and filled[-1] == count - 1:  # the last chunk ends with the file
        copied -= (count << bits) - align(size, BLOCK_BYTES)
    return plan._replace(copied_bytes=copied)


def index_entries(plan: ChunkPlan, first_block: int) -> bytes:
    """The inode's index, 8 bytes for each chunk. `first_block` is where copied chunks begin in the primary device."""
    step = 1 << (plan.bits - BLOCK_BITS)
    entries = bytearray(_HOLE_INDEX * plan.chunks)
    if plan.is_copied:
        for rank, number in enumerate(_filled(plan)):
            CHUNK_INDEX.pack_into(entries, number * 8, 0, PRIMARY_DEVICE, first_block + rank * step)
        return bytes(entries)
    for offset, tar_offset, length in plan.segments:
        first = offset >> plan.bits
        block = tar_offset >> BLOCK_BITS
        for number in range(first, -(-(offset + length) >> plan.bits)):
            CHUNK_INDEX.pack_into(entries, number * 8, 0, TAR_DEVICE, block + (number - first) * step)
    return bytes(entries)


def whole_file_index(size: int, data_offset: int) -> bytes:
    """The index of a file that stands in the tar as a whole."""
    bits = whole_file_bits(size)
    if size <= 1 << bits:
        return CHUNK_INDEX.pack(0, TAR_DEVICE, data_offset >> BLOCK_BITS)
    return index_entries(ChunkPlan(bits, -(-size >> bits), size, ((0, data_offset, size),), False, 0), 0)  # noqa: FBT003 -- a tuple's fields


def copied_pieces(plan: ChunkPlan) -> Iterator[Piece]:
    """What to copy out of the tar; `file_offset` counts from the begin of the file's copied chunks."""
    ranks = {number: rank for rank, number in enumerate(_filled(plan))}
    chunk = 1 << plan.bits
    for offset, tar_offset, length in plan.segments:
        done = 0
        while done < length:
            number, inside = divmod(offset + done, chunk)
            part = min(length - done, chunk - inside)
            yield Piece(tar_offset + done, (ranks[number] << plan.bits) + inside, part)
            done += part


def _located(pairs: Sequence[tuple[int, int]], data_offset: int) -> list[tuple[int, int, int]]:
    """Segments with their place in the tar; those that follow each other in the file too are one."""
    segments: list[tuple[int, int, int]] = []
    for offset, length in pairs:
        if length:
            last = segments[-1] if segments else None
            if last is not None and last[0] + last[2] == offset:
                segments[-1] = (last[0], last[1], last[2] + length)
            else:
                segments.append((offset, data_offset, length))
            data_offset += length
    return segments


def _direct_bits(size: int, segments: Sequence[tuple[int, int, int]]) -> int | None:
    """The largest chunk with which the tar's own bytes can be used, or None where they cannot or the index explodes."""
    bits = whole_file_bits(size)
    for offset, tar_offset, length in segments:
        if tar_offset % BLOCK_BYTES:
            return None
        edges = offset if offset + length == size else offset | length
        if edges:
            bits = min(bits, (edges & -edges).bit_length() - 1)
    if bits < BLOCK_BITS or -(-size >> bits) > _MAX_INDEXES:
        return None
    return bits if bits >= _COPY_CHUNK_BITS or size <= _SMALL_FILE_BYTES else None


def _filled(plan: ChunkPlan) -> Iterator[int]:
    """The numbers of the chunks that have data, each once, in order."""
    following = 0
    for offset, _, length in plan.segments:
        end = -(-(offset + length) >> plan.bits)
        yield from range(max(following, offset >> plan.bits), end)
        following = end
