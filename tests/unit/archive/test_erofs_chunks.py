"""How files are cut: the tar itself where it can be used, holes kept, copies where nothing else gives right bytes."""

from __future__ import annotations

import random
import struct

import pytest

from orlop.archive.erofs_chunks import (
    ChunkPlan,
    copied_pieces,
    index_entries,
    plan_sparse,
    whole_file_bits,
    whole_file_index,
)

HOLE = (0, 0xFFFFFFFF)


def _indexes(data: bytes) -> list[tuple[int, int]]:
    return [(device, block) for _, device, block in struct.iter_unpack("<HHI", data)]


def _content(plan: ChunkPlan, tar: bytes) -> bytes:
    """The file as a reader of the index sees it."""
    primary = bytearray(plan.copied_bytes)
    for piece in copied_pieces(plan) if plan.is_copied else ():
        data = tar[piece.tar_offset : piece.tar_offset + piece.length]
        primary[piece.file_offset : piece.file_offset + piece.length] = data
    assert len(primary) == plan.copied_bytes, "no piece leaves the room that was reserved"
    parts = []
    for number, (device, block) in enumerate(_indexes(index_entries(plan, 0))):
        length = min(1 << plan.bits, plan.size - (number << plan.bits))
        source = (primary, tar)[device]
        parts.append(bytes(length) if block == HOLE[1] else source[block * 512 : block * 512 + length])
        assert len(parts[-1]) == length
    return b"".join(map(bytes, parts))


@pytest.mark.parametrize(
    ("size", "bits"), [(1, 9), (512, 9), (513, 10), (1 << 20, 20), ((1 << 20) + 1, 21), (1 << 31, 31), (1 << 40, 31)]
)
def test_a_whole_file_is_one_chunk_up_to_two_gib(size: int, bits: int) -> None:
    assert whole_file_bits(size) == bits


def test_a_whole_file_points_to_its_data_in_the_tar() -> None:
    assert _indexes(whole_file_index(5000, 1536)) == [(1, 3)]


def test_a_file_of_more_than_two_gib_has_chunks_one_behind_the_other() -> None:
    assert _indexes(whole_file_index((4 << 30) + 1, 512)) == [(1, 1), (1, 1 + (1 << 22)), (1, 1 + (2 << 22))]


def test_a_hole_only_file_points_nowhere() -> None:
    plan = plan_sparse(1 << 30, 512, [(1 << 30, 0)])
    assert (_indexes(index_entries(plan, 0)), plan.is_copied) == ([HOLE], False)


def test_segments_of_whole_pages_use_the_tar_itself() -> None:
    plan = plan_sparse(4096 * 10, 1024, [(4096, 4096), (4096 * 6, 8192), (4096 * 10, 0)])
    assert not plan.is_copied
    assert _indexes(index_entries(plan, 0)) == [HOLE, (1, 2), *[HOLE] * 4, (1, 10), (1, 18), HOLE, HOLE]


def test_a_last_segment_that_ends_with_the_file_may_end_anywhere() -> None:
    plan = plan_sparse(8192 + 100, 512, [(8192, 100)])
    assert not plan.is_copied
    assert _indexes(index_entries(plan, 0)) == [HOLE, (1, 1)]


@pytest.mark.parametrize(
    ("size", "segments"),
    [
        (10_000, [(100, 50)]),  # begins inside of a block
        (10_000, [(512, 100)]),  # ends inside of a block, and a hole follows, but what follows in the tar does not
        (20_000, [(0, 700), (8192, 512)]),  # the second one's data are not at a block of the tar
        (1 << 20, [(512, 512)]),  # could be, with an index of 2048 entries
    ],
)
def test_other_segments_are_copied(size: int, segments: list[tuple[int, int]]) -> None:
    plan = plan_sparse(size, 512, segments)
    assert plan.is_copied
    tar = bytes(512) + b"D" * 4096
    wanted = bytearray(size)
    for offset, length in segments:
        wanted[offset : offset + length] = b"D" * length
    assert _content(plan, tar) == wanted


def test_a_vast_file_with_few_data_has_few_indexes_and_few_copies() -> None:
    plan = plan_sparse(64 << 30, 512, [(12_345, 10), ((64 << 30) - 1, 1)])
    assert plan.chunks <= 1 << 16
    assert plan.copied_bytes <= 2 << 20


def test_random_sparse_files_read_back() -> None:
    chance = random.Random(6)  # noqa: S311 -- repeatable
    kinds = set()
    for _ in range(300):
        unit = chance.choice([1, 512, 4096])
        edges = sorted(chance.sample(range(60), 2 * chance.randrange(1, 6)))
        pairs = [(start * unit, (end - start) * unit) for start, end in zip(edges[::2], edges[1::2], strict=True)]
        size = 60 * unit + chance.choice([0, 1, 700])
        offset = 512 * chance.randrange(5)
        tar = bytes(offset) + chance.randbytes(60 * unit) + b"\xff" * 8192
        wanted = bytearray(size)
        at = offset
        for start, length in pairs:
            wanted[start : start + length] = tar[at : at + length]
            at += length
        plan = plan_sparse(size, offset, pairs)
        kinds.add(plan.is_copied)
        assert _content(plan, tar) == wanted, (size, offset, pairs)
    assert kinds == {True, False}
