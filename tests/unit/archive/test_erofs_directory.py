"""Directory blocks: a name with its entry in one block, sizes as they are told before the numbers are known."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from orlop.archive.erofs_directory import directory_blocks, directory_size


def test_a_small_directory_is_entries_and_then_names() -> None:
    wanted = struct.pack("<QHBB", 48, 36, 2, 0) + struct.pack("<QHBB", 49, 37, 2, 0) + struct.pack("<QHBB", 7, 39, 1, 0)
    assert directory_blocks([(b".", 48, 2), (b"..", 49, 2), (b"name", 7, 1)]) == wanted + b"..." + b"name"


@pytest.mark.parametrize("length", [1, 13, 100, 243, 244, 245, 255])
@pytest.mark.parametrize("count", [1, 2, 40, 300])
def test_the_size_is_known_before_and_no_entry_is_split(length: int, count: int) -> None:
    names = sorted([b".", b"..", *(b"%03d" % number * 100 for number in range(count))])
    names = [name[: max(length, 3)] for name in names]
    data = directory_blocks((name, 1, 1) for name in names)
    assert len(data) == directory_size(names)
    found = []
    for start in range(0, len(data), 512):
        block = data[start : start + 512]
        heads = struct.unpack_from("<QHBB", block)[1] // 12
        places = [struct.unpack_from("<QHBB", block, 12 * number)[1] for number in range(heads)] + [len(block)]
        found += [block[one:end].rstrip(b"\0") for one, end in pairwise(places)]
    assert found == names


def test_a_block_that_is_exactly_full_has_no_padding() -> None:
    names = [b".", b"..", *(b"%d" % number * 20 for number in range(7))]
    last = 512 - directory_size(names) - 12
    assert directory_size([*names, b"z" * last]) == 512
    assert directory_size([*names, b"z" * (last + 1)]) == 512 + 12 + last + 1
