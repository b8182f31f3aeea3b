"""Decompression: what is right comes out whole, what is wrong is told by name, and no piece is too large."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
from typing import TYPE_CHECKING

import pytest
import zstandard

from orlop.archive.contract import Limits
from orlop.archive.decompress import PIECE_BYTES, decompressed
from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

_RAW = hashlib.shake_128(b"orlop").digest(300_000) + b"orlop" * 200_000 + bytes(700_000)
_SKIPPABLE = struct.pack("<II", 0x184D2A53, 5) + b"skip!"
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": lambda raw: gzip.compress(raw, mtime=0),
    "zstd": lambda raw: zstandard.ZstdCompressor(write_checksum=True).compress(raw),
}


def _decompress(data: bytes, compression: str, *, limits: Limits | None = None, read_bytes: int = 1 << 20) -> bytes:
    stream = io.BytesIO(data)
    pieces = list(decompressed(lambda size: stream.read(min(size, read_bytes)), compression, limits or Limits()))
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


def _refused(data: bytes, compression: str, *, limits: Limits | None = None) -> str:
    with pytest.raises(InvalidArgument) as caught:
        _decompress(data, compression, limits=limits)
    return str(caught.value)


@pytest.mark.parametrize("read_bytes", [1000, 1 << 20])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_stream_comes_out_as_it_went_in(compression: str, read_bytes: int) -> None:
    assert _decompress(_COMPRESS[compression](_RAW), compression, read_bytes=read_bytes) == _RAW


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_stream_may_come_byte_by_byte(compression: str) -> None:
    assert _decompress(_COMPRESS[compression](_RAW[:3000]), compression, read_bytes=1) == _RAW[:3000]


def test_an_empty_stream_that_is_not_compressed_is_empty() -> None:
    assert _decompress(b"", "none") == b""


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_members_and_frames_follow_each_other(compression: str) -> None:
    compress = _COMPRESS[compression]
    parts = [_RAW[:10], b"", _RAW[:400_000], *[bytes([n]) * 700 for n in range(200)]]
    assert _decompress(b"".join(compress(part) for part in parts), compression) == b"".join(parts)


def test_gzip_header_fields_are_read_over() -> None:
    packed = gzip.compress(b"content", mtime=0)
    named = packed[:3] + b"\x08" + packed[4:10] + b"layer.tar\0" + packed[10:]
    assert _decompress(named, "gzip") == b"content"


@pytest.mark.parametrize("place", [0, 1])
def test_skippable_frames_of_zstd_are_skipped(place: int) -> None:
    frames = [_COMPRESS["zstd"](b"one"), _COMPRESS["zstd"](b"two")]
    frames.insert(place, _SKIPPABLE)
    assert _decompress(b"".join(frames) + _SKIPPABLE, "zstd") == b"onetwo"


def test_zstd_without_content_size_and_with_one_segment() -> None:
    stream = zstandard.ZstdCompressor(level=19).compressobj()
    assert _decompress(stream.compress(_RAW) + stream.flush(), "zstd") == _RAW
    assert _decompress(zstandard.ZstdCompressor().compress(b"x" * 300), "zstd") == b"x" * 300


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_stream_cut_anywhere_is_refused(compression: str) -> None:
    packed = _COMPRESS[compression](b"some content, and then some more content")
    for end in range(6, len(packed)):
        assert "in the middle of" in _refused(packed[:end], compression)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_no_byte_of_a_stream_may_be_another(compression: str) -> None:
    content = b"some content, and then some more content" * 4
    packed = _COMPRESS[compression](content)
    accepted = []
    for place in range(len(packed)):
        damaged = packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :]
        try:
            if _decompress(damaged, compression) != content:
                accepted.append(place)
        except InvalidArgument:
            continue
    assert accepted == []


@pytest.mark.parametrize(
    ("data", "compression", "message"),
    [
        (_COMPRESS["gzip"](b"x") + b"garbage", "gzip", "after gzip member 1 stands what is none"),
        (_COMPRESS["gzip"](b"x") + b"\0", "gzip", "after gzip member 1 stands what is none"),
        (_COMPRESS["zstd"](b"x") + b"garbage", "zstd", "after zstd frame 1 stands what is none"),
        (_COMPRESS["gzip"](b"x"), "none", "its media type says not compressed, but it is gzip"),
        (_COMPRESS["gzip"](b"x"), "zstd", "its media type says zstd, but it is gzip"),
        (_COMPRESS["zstd"](b"x"), "gzip", "its media type says gzip, but it is zstd"),
        (_SKIPPABLE, "none", "but it is zstd"),
        (b"BZh91AY", "gzip", "its media type says gzip, but it is bzip2"),
        (b"\xfd7zXZ\0\0", "none", "but it is xz"),
        (b"plain", "gzip", "its media type says gzip, but it is not compressed"),
        (b"", "gzip", "its media type says gzip, but it is not compressed"),
        (b"x", "lzma", 'compression "lzma" is not known'),
        (b"\x1f\x8b\x08\xe0" + bytes(20), "gzip", "gzip member 1: the header has reserved flags"),
        (b"\x1f\x8b\x07\x00" + bytes(20), "gzip", "gzip member 1: Error"),
        (b"\x28\xb5\x2f\xfd\x01\x00\x01", "zstd", "with a dictionary"),
        (b"\x28\xb5\x2f\xfd\x00\x00\x07\x00\x00", "zstd", "a block of a wrong kind or size"),
        (
            b"\x28\xb5\x2f\xfd\x00\x00" + (1 | (128 * 1024 + 1) << 3).to_bytes(3, "little"),
            "zstd",
            "a wrong kind or size",
        ),
        (_SKIPPABLE[:-1], "zstd", "in the middle of zstd frame 1, which is skippable"),
    ],
)
def test_what_is_no_such_stream_is_told(data: bytes, compression: str, message: str) -> None:
    assert message in _refused(data, compression)


def test_a_window_that_does_not_fit_is_refused_by_its_header() -> None:
    header = b"\x28\xb5\x2f\xfd\x00" + bytes([(26 - 10) << 3])
    message = _refused(header + b"\x01\0\0", "zstd")
    assert f"needs a window of {64 << 20} bytes, and {32 << 20} is what fits (half of limit memory_bytes)" in message
    single_segment = b"\x28\xb5\x2f\xfd\xe0" + (1 << 40).to_bytes(8, "little")
    assert f"needs a window of {1 << 40} bytes" in _refused(single_segment + b"\x01\0\0", "zstd")


def test_the_largest_window_that_fits_is_taken() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=25)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    assert _decompress(stream.compress(_RAW) + stream.flush(), "zstd") == _RAW


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_is_refused_by_its_ratio(compression: str) -> None:
    limits = Limits(ratio=100, ratio_from_bytes=1 << 20)
    packed = _COMPRESS[compression](bytes(8 << 20))
    assert "over 100 times as much (limit ratio)" in _refused(packed, compression, limits=limits)
    assert len(_decompress(_COMPRESS[compression](bytes(1 << 20)), compression, limits=limits)) == 1 << 20


def test_rle_blocks_of_zstd_come_in_bounded_pieces() -> None:
    block = (128 * 1024 << 3 | 1 << 1).to_bytes(3, "little") + b"a"
    frame = b"\x28\xb5\x2f\xfd\x00\x38" + block * 999 + (1).to_bytes(3, "little")
    assert len(_decompress(frame, "zstd", limits=Limits(ratio=1 << 20))) == 999 * 128 * 1024


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_raw_bytes_are_limited(compression: str) -> None:
    packed = _COMPRESS[compression](_RAW)
    assert _decompress(packed, compression, limits=Limits(raw_bytes=len(_RAW))) == _RAW
    message = _refused(packed, compression, limits=Limits(raw_bytes=len(_RAW) - 1))
    assert message == f"layer: it decompresses to more than {len(_RAW) - 1} bytes (limit raw_bytes)"


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_members_and_frames_are_limited(compression: str) -> None:
    packed = _COMPRESS[compression](b"") * 6
    assert _decompress(packed, compression, limits=Limits(entries=6)) == b""
    assert "more than 5 " in _refused(packed, compression, limits=Limits(entries=5))


def test_many_small_members_are_gathered() -> None:
    stream = io.BytesIO(_COMPRESS["gzip"](bytes(100)) * 2000)
    pieces = list(decompressed(stream.read, "gzip", Limits()))
    assert sum(map(len, pieces)) == 200_000
    assert len(pieces) < 10
