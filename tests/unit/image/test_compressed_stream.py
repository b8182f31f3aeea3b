"""Streams whose compression is found out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os

import pytest
import zstandard

from orlop.archive.decompress import CutOff
from orlop.errors import InvalidArgument
from orlop.image.compressed_stream import DecompressedStream, compression_of, of_file

DATA = os.urandom(1000) * 700


def _compressed(name: str, data: bytes) -> bytes:
    if name == "zstd":
        return zstandard.compress(data)
    return gzip.compress(data) if name == "gzip" else data


@pytest.mark.parametrize("data", [DATA, b"abc", b""], ids=["large", "small", "empty"])
@pytest.mark.parametrize("name", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("size", [1, 5, 100_000])
def test_a_stream_is_read_whatever_its_compression(name: str, data: bytes, size: int) -> None:
    compressed = _compressed(name, data)
    source = io.BytesIO(compressed)
    stream = DecompressedStream(lambda wanted: source.read(min(wanted, size)), place="it")
    taken: list[bytes] = []
    stream.copy_input_to = taken.append
    assert stream.compression == name
    parts = []
    while part := stream.read(70_000):
        assert len(part) <= 70_000
        parts.append(part)
    assert b"".join(parts) == data
    assert stream.read(1) == b""
    assert b"".join(taken) == compressed


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lzma.compress(b"x"), "it: is compressed with xz; decompress it first: xz -dc"),
        (bz2.compress(b"x"), "it: is compressed with bzip2; decompress it first: bzip2 -dc"),
    ],
)
def test_what_images_do_not_have_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        DecompressedStream(io.BytesIO(data).read, place="it")


def test_damage_is_told() -> None:
    stream = DecompressedStream(io.BytesIO(gzip.compress(DATA)[:-1]).read, place="it")
    with pytest.raises(InvalidArgument, match="gzip"):
        list(iter(lambda: stream.read(1 << 20), b""))


def test_an_error_of_a_file_names_the_file() -> None:
    stream = DecompressedStream(io.BytesIO(gzip.compress(DATA)[:-1]).read, place="it")
    with pytest.raises(CutOff) as caught:
        list(iter(lambda: stream.read(1 << 20), b""))
    assert str(of_file(caught.value, "it")) == (
        "it: it ends in the middle of gzip member 1; the file is cut off: copy or make it again"
    )
    assert str(of_file(InvalidArgument("layer: odd", hint="mend it"), "it")) == "it: odd; mend it"


def test_magic_numbers() -> None:
    assert compression_of(b"\x1f\x8b\x08\0\0\0", place="it") == "gzip"
    assert compression_of(b"\x28\xb5\x2f\xfd\0\0", place="it") == "zstd"
    assert compression_of(b"", place="it") == "none"
