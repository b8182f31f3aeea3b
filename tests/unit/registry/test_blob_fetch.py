"""Large blobs: one connection or several, in order, within bounds."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from contextlib import aclosing

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.oci.descriptor import Descriptor
from orlop.registry.blob_fetch import ReadAhead
from orlop.registry.blob_source import CHUNK_BYTES
from registry.blob_file import OCTETS, described
from registry.served import QUICK, QUICK_RANGES, SMALL_RANGES, gathered, serving

CONTENT = random.Random(2).randbytes(1_500_000)  # noqa: S311 -- any bytes, the same ones each time
BLOB = described(CONTENT)


class Blobs:
    """A blob in ranges; counts who is served at once, and can fail."""

    def __init__(self) -> None:
        self.at_once = self.most_at_once = 0
        self.cut_at: set[int] = set()
        self.ignores_from: int | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        text = request.headers.get("Range", f"bytes=0-{len(CONTENT) - 1}")
        first, last = map(int, text.removeprefix("bytes=").split("-"))
        if self.ignores_from is not None and first >= self.ignores_from:
            return web.Response(body=CONTENT)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            headers = {"Content-Range": f"bytes {first}-{last}/{len(CONTENT)}"}
            response = web.StreamResponse(status=206 if "Range" in request.headers else 200, headers=headers)
            response.content_length = last + 1 - first
            await response.prepare(request)
            half = (first + last) // 2
            await response.write(CONTENT[first:half])
            for _ in range(3):
                await asyncio.sleep(0)
            if first in self.cut_at:
                self.cut_at.discard(first)
                assert request.transport is not None
                request.transport.abort()
                return response
            await response.write(CONTENT[half : last + 1])
            return response
        finally:
            self.at_once -= 1


def test_a_fast_server_is_asked_twice() -> None:
    plan = dataclasses.replace(SMALL_RANGES, slow_below_bytes_s=0.0)

    async def ask() -> None:
        async with serving(Blobs()) as served, served.client(dataclasses.replace(QUICK, ranges=plan)) as client:
            assert await gathered(client, BLOB) == CONTENT
            assert [one.headers["Range"] for one in served.asked] == ["bytes=0-599999", "bytes=600000-1499999"]

    asyncio.run(ask())


def test_a_slow_one_in_ranges_side_by_side_in_order() -> None:
    async def ask() -> None:
        blobs = Blobs()
        async with serving(blobs) as served, served.client(QUICK_RANGES) as client:
            assert await gathered(client, BLOB) == CONTENT
            assert await gathered(client, BLOB, 300_001) == CONTENT[300_001:]
        assert 1 < blobs.most_at_once <= SMALL_RANGES.window
        assert len(served.asked) == 1 + 18 + 1 + 12

    asyncio.run(ask())


def test_cuts_in_ranges_are_resumed() -> None:
    async def ask() -> None:
        blobs = Blobs()
        blobs.cut_at = {0, 650_000, 700_000, 1_450_000}
        async with serving(blobs) as served, served.client(QUICK_RANGES) as client:
            assert await gathered(client, BLOB) == CONTENT
        assert not blobs.cut_at

    asyncio.run(ask())


@pytest.mark.parametrize("ignores_from", [0, 1, 1_000_000])
def test_ranges_may_be_ignored_from_the_start_or_later(ignores_from: int) -> None:
    async def ask() -> None:
        blobs = Blobs()
        blobs.ignores_from = ignores_from
        async with serving(blobs) as served, served.client(QUICK_RANGES) as client:
            assert await gathered(client, BLOB) == CONTENT

    asyncio.run(ask())


def test_a_reader_that_stops_leaves_nothing() -> None:
    async def ask() -> None:
        blobs = Blobs()
        async with serving(blobs) as served, served.client(QUICK_RANGES) as client:
            async with aclosing(client.fetch_blob(BLOB)) as chunks:
                count = 0
                async for _ in chunks:
                    count += 1
                    if count == 8:
                        break
            assert client._ahead._free == SMALL_RANGES.ahead
            assert await gathered(client, BLOB) == CONTENT
        assert client._ahead._free == SMALL_RANGES.ahead

    asyncio.run(ask())


def test_an_error_ends_the_ranges_ahead_too() -> None:
    async def ask() -> None:
        async def breaking(request: web.BaseRequest) -> web.StreamResponse:
            if "bytes=800000-" in request.headers.get("Range", ""):
                return web.Response(status=206, headers={"Content-Range": "bytes 1-2/3"})
            return await Blobs()(request)

        async with serving(breaking) as served, served.client(QUICK_RANGES) as client:
            with pytest.raises(FailedPrecondition, match="sends the range 1-2"):
                await gathered(client, BLOB)
            assert client._ahead._free == SMALL_RANGES.ahead

    asyncio.run(ask())


def test_many_blobs_share_what_may_be_ahead() -> None:
    async def ask() -> None:
        blobs = Blobs()
        plan = dataclasses.replace(SMALL_RANGES, ahead=2)
        async with serving(blobs) as served, served.client(dataclasses.replace(QUICK, ranges=plan)) as client:
            found = await asyncio.gather(*[gathered(client, BLOB) for _ in range(5)])
        assert set(found) == {CONTENT}
        assert blobs.most_at_once <= 5 + 2

    asyncio.run(ask())


def test_read_ahead_counts() -> None:
    ahead = ReadAhead(1)
    assert ahead.take()
    assert not ahead.take()
    ahead.give()
    assert ahead.take()


def test_chunks_are_large() -> None:
    content = b"x" * (4 * CHUNK_BYTES)

    async def trickle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(content)
        await response.prepare(request)
        for start in range(0, len(content), 10_000):
            await response.write(content[start : start + 10_000])
        return response

    async def ask() -> None:
        async with serving(trickle) as served, served.client() as client:
            sizes = [len(chunk) async for chunk in client.fetch_blob(described(content))]
        assert sum(sizes) == len(content)
        assert all(size >= CHUNK_BYTES for size in sizes[:-1])

    asyncio.run(ask())


def test_offsets_and_embedded_data() -> None:
    async def ask() -> None:
        async with serving(Blobs()) as served, served.client() as client:
            assert await gathered(client, BLOB, len(CONTENT)) == b""
            for offset in (-1, len(CONTENT) + 1):
                with pytest.raises(InvalidArgument, match=f"has no offset {offset}, its size is 1500000"):
                    await gathered(client, BLOB, offset)
            embedded = Descriptor(media_type=OCTETS, digest=described(b"abc").digest, size=3, data=b"abc")
            assert await gathered(client, embedded, 1) == b"bc"
            assert served.asked == []

    asyncio.run(ask())
