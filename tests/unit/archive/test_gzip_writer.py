"""gzip as others read it."""

from __future__ import annotations

import gzip
import io
import random

from orlop.archive.gzip_writer import GzipWriter


def _compressed(data: bytes, part: int) -> bytes:
    out = io.BytesIO()
    writer = GzipWriter(out.write)
    for start in range(0, len(data), part):
        writer.write(memoryview(data)[start : start + part])
    writer.close()
    return out.getvalue()


def test_it_is_read_back_and_says_nothing_of_its_making() -> None:
    data = b"some text, again and again " * 50_000 + random.Random(1).randbytes(100_000)  # noqa: S311 - content
    compressed = _compressed(data, 70_000)
    assert gzip.decompress(compressed) == data
    assert len(compressed) < len(data) / 8
    assert compressed[:8] == b"\x1f\x8b\x08\0\0\0\0\0", "no flags, no name, no time"
    assert _compressed(data, 70_000) == compressed


def test_nothing_is_an_empty_stream() -> None:
    assert gzip.decompress(_compressed(b"", 1)) == b""
