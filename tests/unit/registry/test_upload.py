"""Upload sessions: where, how far, how much at once."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from orlop.errors import FailedPrecondition
from orlop.oci.digest import Digest
from orlop.registry.host import Host
from orlop.registry.upload import READ_BYTES, SentBytes, Upload, read_blob, received_bytes
from registry.blob_bytes import BlobBytes

HOST = Host(scheme="https", authority="r.example")


@pytest.mark.parametrize(
    ("text", "count"),
    [("0-0", 0), ("0-1023", 1024), ("bytes=0-9", 10), ("5-9", None), ("", None), ("0-", None), ("0-9/10", None)],
)
def test_what_a_registry_says_it_has(text: str, count: int | None) -> None:
    assert received_bytes({"Range": text}) == count
    assert received_bytes({}) is None


def test_a_session_moves() -> None:
    upload = Upload(URL("https://r.example/v2/a/blobs/uploads/1"))
    upload.move(HOST, upload.location, {"Location": "/v2/u/2?s=a%2Fb", "OCI-Chunk-Min-Length": "100"})
    assert str(upload.location) == "https://r.example/v2/u/2?s=a%2Fb"
    assert upload.min_chunk_bytes == 100
    upload.move(HOST, upload.location, {"OCI-Chunk-Min-Length": "x"})
    digest = Digest.of(b"x")
    assert str(upload.closing_url(digest)) == f"https://r.example/v2/u/2?s=a%2Fb&digest={digest}"
    assert str(Upload(URL("https://r.example/u/1")).closing_url(digest)) == f"https://r.example/u/1?digest={digest}"
    assert upload.min_chunk_bytes == 100
    with pytest.raises(FailedPrecondition, match="has no TLS"):
        upload.move(HOST, upload.location, {"Location": "http://other.example/"})


def test_no_byte_is_told_twice() -> None:
    told: list[int] = []
    sent = SentBytes(told.append)
    for position in (10, 5, 10, 12):
        sent.reached(position)
    assert told == [10, 2]
    SentBytes(None).reached(5)


def test_a_part_is_read_in_pieces() -> None:
    content = bytes(range(256)) * (READ_BYTES // 128)

    async def read() -> list[bytes]:
        return [part async for part in read_blob(BlobBytes(content), 3, len(content) - 5, SentBytes(None))]

    parts = asyncio.run(read())
    assert b"".join(parts) == content[3:-5]
    assert max(map(len, parts)) == READ_BYTES


def test_a_blob_that_shrinks_ends() -> None:
    async def read() -> list[bytes]:
        return [part async for part in read_blob(BlobBytes(b"abc"), 0, 10, SentBytes(None))]

    assert asyncio.run(read()) == [b"abc"]
