"""Maps of sparse files: GNU's old format in header blocks, and its PAX formats 0.0, 0.1 and 1.0.

A map is read with a bound on its length before anything is allocated for it (CVE-2025-58183 is a reader without one).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .pax import decimal
from .tar_header import BLOCK_BYTES, GNU_MAGIC, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contract import Limits
    from .pax import Extended

_PAIR_BYTES = 24
_IN_HEADER = (386, 4)  # where the pairs are, and how many
_IN_EXTENSION = (0, 21)

Segments = tuple[tuple[int, int], ...]


def old_map(header: bytes, next_block: Callable[[], bytes], limits: Limits) -> tuple[int, list[int]]:
    """The size and the map of a type S header; reads the blocks that the map goes on in, which `size` does not count.

    Raises:
        InvalidArgument: the header is star's, a number is malformed, or the map is too long.
    """
    if header[257:265] != GNU_MAGIC:
        raise InvalidArgument(
            'sparse: a header of type "S" that is not GNU tar\'s', hint="star's format is not supported"
        )
    size = number(header[483:495], "realsize")
    numbers, ended = _pairs(header, *_IN_HEADER)
    goes_on = header[482]
    while goes_on:
        if ended:
            raise InvalidArgument("sparse: the map goes on behind its end")
        block = next_block()
        more, ended = _pairs(block, *_IN_EXTENSION)
        numbers += more
        if len(numbers) > 2 * limits.sparse_segments or not more:
            raise InvalidArgument(
                f"sparse: an empty block, or more segments than the limit of {limits.sparse_segments}"
            )
        goes_on = block[504]
    return size, numbers


def _pairs(block: bytes, start: int, count: int) -> tuple[list[int], bool]:
    """Offsets and lengths by turns, and whether a pair was unused, which ends the map."""
    numbers: list[int] = []
    for at in range(start, start + count * _PAIR_BYTES, _PAIR_BYTES):
        if not block[at]:
            return numbers, True
        numbers.append(number(block[at : at + 12], "sparse offset"))
        numbers.append(number(block[at + 12 : at + 24], "sparse length"))
    return numbers, False


def pax_version(extended: Extended) -> str:
    """The format that PAX records announce: "0.0" (which 0.1 is too), "1.0", or "" where the file is not sparse.

    Raises:
        InvalidArgument: it is an unknown one, or records without a map.
    """
    told = extended.sparse
    if not told and not extended.sparse_map:
        return ""
    version = (told.get(b"major"), told.get(b"minor"))
    if version == (b"1", b"0"):
        if extended.sparse_map or b"map" in told:
            raise InvalidArgument("sparse: a map in PAX records, and the version whose map is in the data")
        return "1.0"
    if version in ((None, None), (b"0", b"0"), (b"0", b"1")) and (extended.sparse_map or b"map" in told):
        return "0.0"
    if told.get(b"numblocks") == b"0" and version == (None, None):
        return "0.0"
    text = ".".join((part or b"?").decode("ascii", "backslashreplace") for part in version)
    raise InvalidArgument(f'sparse: version "{text[:40]}" of GNU sparse files, or one without a map, is not supported')


def pax_size(extended: Extended) -> int:
    """The size of the file after extraction.

    Raises:
        InvalidArgument: there is none, or two that differ.
    """
    told = {extended.sparse[name] for name in (b"size", b"realsize") if name in extended.sparse}
    if len(told) != 1:
        raise InvalidArgument("sparse: none or several of GNU.sparse.size and GNU.sparse.realsize")
    return decimal(told.pop(), "pax: GNU.sparse.size")


def map_0(extended: Extended, limits: Limits) -> list[int]:
    """The map of formats 0.0 (a record for each number) and 0.1 (one record).

    Raises:
        InvalidArgument: it is malformed, too long, or there are two.
    """
    numbers = extended.sparse_map
    text = extended.sparse.get(b"map")
    if text is not None:
        if numbers:
            raise InvalidArgument("sparse: two maps")
        if text.count(b",") >= 2 * limits.sparse_segments:
            raise InvalidArgument(f"sparse: more segments than the limit of {limits.sparse_segments}")
        numbers = [decimal(one, "pax: GNU.sparse.map") for one in text.split(b",")] if text else []
    count = extended.sparse.get(b"numblocks")
    if len(numbers) % 2 or (count is not None and decimal(count, "pax: GNU.sparse.numblocks") * 2 != len(numbers)):
        raise InvalidArgument(f"sparse: a map of {len(numbers)} numbers, and {count!r} segments announced")
    return numbers


def map_1(next_block: Callable[[], bytes], limits: Limits) -> tuple[list[int], int]:
    """The map of format 1.0, which stands in front of the data, and how many bytes it takes there.

    Raises:
        InvalidArgument: it is malformed or too long.
    """
    text = next_block()
    first, newline, _ = text.partition(b"\n")
    if not newline:
        raise InvalidArgument("sparse: the map has no count")
    wanted = 2 * decimal(first, "sparse count") + 1
    if wanted > 2 * limits.sparse_segments + 1:
        raise InvalidArgument(f"sparse: {first.decode()} segments are over the limit of {limits.sparse_segments}")
    blocks, lines = [text], text.count(b"\n")
    while lines < wanted:
        if len(blocks) * BLOCK_BYTES > wanted * 20:  # what a map of so many numbers can take
            raise InvalidArgument("sparse: the map has numbers that are too long")
        blocks.append(next_block())
        lines += blocks[-1].count(b"\n")
    numbers = b"".join(blocks).split(b"\n", wanted)[1:wanted]
    return [decimal(one, "sparse map") for one in numbers], len(blocks) * BLOCK_BYTES


def checked(numbers: list[int], size: int, data_bytes: int) -> Segments:
    """The (offset, length) of the data, without empty ones: in order, apart, inside `size`, `data_bytes` together.

    Raises:
        InvalidArgument: they are not.
    """
    end, total = 0, 0
    segments = []
    for offset, length in zip(numbers[::2], numbers[1::2], strict=True):
        if offset < end or offset + length > size:
            raise InvalidArgument(
                f"sparse: the segment {offset}+{length} overlaps another, or the size of {size} bytes"
            )
        end = offset + length
        total += length
        if length:
            segments.append((offset, length))
    if total != data_bytes:
        raise InvalidArgument(f"sparse: the segments take {total} bytes, the entry has {data_bytes}")
    return tuple(segments)
