"""The raw stream: read in any way it is the same bytes, and what ends it reaches the reader, again and again."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from typing import TYPE_CHECKING

import pytest

from orlop.archive.contract import Limits
from orlop.archive.decompress import PIECE_BYTES
from orlop.archive.raw_stream import RawStream
from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RAW = hashlib.shake_128(b"orlop").digest(3_000_000) + bytes(20 << 20)
_DEADLINE_S = 120


def _read_all(stream: RawStream) -> None:
    while stream.read(PIECE_BYTES):
        pass


@pytest.fixture
def gzip_fd(tmp_path: Path) -> Iterator[int]:
    """A file with the layer, compressed."""
    path = tmp_path / "layer"
    path.write_bytes(gzip.compress(_RAW, 1, mtime=0))
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("size", [100_003, 512 * 100, PIECE_BYTES, 3 * PIECE_BYTES + 5])
def test_reads_of_any_size_give_the_stream(gzip_fd: int, size: int) -> None:
    with RawStream(gzip_fd, "gzip", Limits()) as stream:
        parts = [stream.read(1)]
        while part := stream.read(size):
            assert len(part) <= size
            parts.append(part)
        assert b"".join(parts) == _RAW
        assert stream.read(1) == b""
        assert stream.finish() == (Digest.of(_RAW), len(_RAW))


def test_a_piece_that_fits_is_not_copied(gzip_fd: int) -> None:
    pieces: list[bytes] = []
    with RawStream(gzip_fd, "gzip", Limits(), sink=pieces.append) as stream:
        for _ in range(5):
            assert stream.read(PIECE_BYTES) is pieces[-1]


def test_the_diff_id_is_of_the_whole_stream_though_the_reader_stops(gzip_fd: int) -> None:
    with RawStream(gzip_fd, "gzip", Limits()) as stream:
        stream.read(1)
        assert stream.finish() == (Digest.of(_RAW), len(_RAW))


def test_the_sink_gets_every_byte_before_the_reader(gzip_fd: int) -> None:
    pieces: list[bytes] = []
    with RawStream(gzip_fd, "gzip", Limits(), sink=pieces.append) as stream:
        assert stream.read(PIECE_BYTES) in pieces
        stream.finish()
    assert b"".join(pieces) == _RAW


def test_an_error_of_the_stream_comes_after_what_was_right_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    packed = gzip.compress(_RAW[:3_000_000], 1, mtime=0)
    path.write_bytes(packed[:-8] + b"oops" + packed[-4:])
    with path.open("rb") as file, RawStream(file.fileno(), "gzip", Limits()) as stream:
        read = b""
        while len(read) < 2_000_000:
            read += stream.read(2_000_000)
        assert read == _RAW[: len(read)]
        for _ in range(2):
            with pytest.raises(InvalidArgument, match=r"gzip member 1: .*checksum"):
                _read_all(stream)
        with pytest.raises(InvalidArgument, match="checksum"):
            stream.finish()


def test_an_error_of_the_descriptor_reaches_the_reader(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with RawStream(fd, "none", Limits()) as stream, pytest.raises(IsADirectoryError):
            stream.read(1)
    finally:
        os.close(fd)


def test_a_reader_that_stops_reading_stops_the_thread(gzip_fd: int) -> None:
    before = set(threading.enumerate())
    with RawStream(gzip_fd, "gzip", Limits()) as stream:
        stream.read(1)
        started = set(threading.enumerate()) - before
    assert len(started) == 1
    for thread in started:
        thread.join(_DEADLINE_S)
        assert not thread.is_alive()
    assert os.lseek(gzip_fd, 0, os.SEEK_CUR) > 0


def test_the_thread_is_only_some_pieces_ahead(tmp_path: Path) -> None:
    path = tmp_path / "layer"
    path.write_bytes(_RAW)
    with path.open("rb") as file, RawStream(file.fileno(), "none", Limits()) as stream:
        for _ in range(4):
            assert len(stream.read(PIECE_BYTES)) == PIECE_BYTES
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) <= (4 + 18) * PIECE_BYTES
