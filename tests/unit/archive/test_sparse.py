"""Maps of sparse files in GNU's four formats."""

from __future__ import annotations

import pytest

from orlop.archive import sparse
from orlop.archive.contract import Limits
from orlop.archive.pax import Extended
from orlop.errors import InvalidArgument
from tar_bytes import old_sparse, padded, sparse_block

LIMITS = Limits(sparse_segments=100)


def _blocks(data: bytes) -> object:
    return iter([data[at : at + 512] for at in range(0, len(data), 512)]).__next__


def test_the_old_map_goes_on_in_further_blocks() -> None:
    pairs = [(n * 1000, 1) for n in range(40)]
    extended = sparse_block(pairs[4:25], goes_on=True) + sparse_block(pairs[25:])
    header = old_sparse(b"a", 50_000, pairs, b"", extended=extended)[:512]
    size, numbers = sparse.old_map(header, _blocks(extended), LIMITS)  # type: ignore[arg-type]
    assert size == 50_000
    assert list(zip(numbers[::2], numbers[1::2], strict=True)) == pairs


def test_the_map_of_1_0_stands_in_front_of_the_data() -> None:
    text = b"60\n" + b"".join(b"%d\n%d\n" % (n * 100_000, 5) for n in range(60))
    numbers, size = sparse.map_1(_blocks(padded(text)), LIMITS)  # type: ignore[arg-type]
    assert numbers[:4] == [0, 5, 100_000, 5]
    assert len(numbers) == 120
    assert size == len(padded(text)) > 512


def test_the_maps_of_0_0_and_0_1_are_pax_records() -> None:
    assert sparse.map_0(Extended(sparse_map=[0, 5, 10, 5], sparse={b"numblocks": b"2"}), LIMITS) == [0, 5, 10, 5]
    assert sparse.map_0(Extended(sparse={b"map": b"0,5,10,5"}), LIMITS) == [0, 5, 10, 5]
    assert sparse.map_0(Extended(sparse={b"map": b""}), LIMITS) == []


@pytest.mark.parametrize(
    ("extended", "version"),
    [
        (Extended(), ""),
        (Extended(sparse={b"major": b"1", b"minor": b"0"}), "1.0"),
        (Extended(sparse={b"map": b"0,1"}), "0.0"),
        (Extended(sparse={b"major": b"0", b"minor": b"1", b"map": b""}), "0.0"),
        (Extended(sparse={b"size": b"5"}, sparse_map=[0, 5]), "0.0"),
        (Extended(sparse={b"size": b"5", b"numblocks": b"0"}), "0.0"),
    ],
)
def test_versions(extended: Extended, version: str) -> None:
    assert sparse.pax_version(extended) == version


def test_segments_without_data_are_left_out() -> None:
    assert sparse.checked([0, 0, 10, 5, 100, 0], 100, 5) == ((10, 5),)
    assert sparse.checked([], 100, 0) == ()


@pytest.mark.parametrize(
    ("numbers", "size", "data"), [([5, 5, 0, 5], 20, 10), ([0, 21], 20, 21), ([0, 5], 20, 6), ([30, 0], 20, 0)]
)
def test_segments_that_cannot_be(numbers: list[int], size: int, data: int) -> None:
    with pytest.raises(InvalidArgument, match="sparse: the segment"):
        sparse.checked(numbers, size, data)
