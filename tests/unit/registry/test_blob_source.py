"""Blobs from servers that cut, ignore ranges, or answer with something else."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, NotFound, OrlopError, Unavailable
from orlop.oci.digest import Digest
from orlop.registry.client import RegistryClient
from orlop.registry.credentials import Anonymous
from orlop.registry.host import Host
from registry.blob_file import described
from registry.served import QUICK, QUICK_RETRY, Served, gathered, serving, serving_bytes

CONTENT = random.Random(1).randbytes(300_000)  # noqa: S311 -- any bytes, the same ones each time
BLOB = described(CONTENT)
SIZE = len(CONTENT)


def answer(body: bytes, *, status: int = 200, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def whole(length: int = SIZE) -> bytes:
    """The blob, or its beginning with the promise of all."""
    return answer(CONTENT[:length], Content_Length=str(SIZE))


def part(start: int, end: int = SIZE, sent: int | None = None) -> bytes:
    return answer(
        CONTENT[start : end if sent is None else start + sent],
        status=206,
        Content_Length=str(end - start),
        Content_Range=f"bytes {start}-{end - 1}/{SIZE}",
    )


def fetch(*answers: bytes, offset: int = 0) -> tuple[bytes | OrlopError, Served]:
    async def ask() -> tuple[bytes | OrlopError, Served]:
        async with serving_bytes(*answers) as served, served.client() as client:
            try:
                return await gathered(client, BLOB, offset), served
            except OrlopError as error:
                return error, served

    return asyncio.run(ask())


def ranges(served: Served) -> list[str | None]:
    return [one.headers.get("Range") for one in served.asked]


def test_a_cut_is_resumed_where_it_was() -> None:
    found, served = fetch(whole(100_000), part(100_000, sent=70_000), part(170_000))
    assert found == CONTENT
    assert ranges(served) == [None, f"bytes=100000-{SIZE - 1}", f"bytes=170000-{SIZE - 1}"]


def test_an_offset_is_a_range() -> None:
    found, served = fetch(part(5), offset=5)
    assert found == CONTENT[5:]
    assert ranges(served) == [f"bytes=5-{SIZE - 1}"]


def test_a_server_that_ignores_ranges_is_skipped_through() -> None:
    found, _ = fetch(whole(100_000), whole())
    assert found == CONTENT
    assert fetch(whole(), offset=123_456)[0] == CONTENT[123_456:]


def test_a_shorter_range_than_asked_for_is_taken() -> None:
    assert fetch(part(10, 200_000), part(200_000), offset=10)[0] == CONTENT[10:]


def test_a_cut_without_a_length_is_one_too() -> None:
    """HTTP/1.0: the end of the connection is the end of the body, or a cut."""
    assert fetch(answer(CONTENT[:99_999]), part(99_999))[0] == CONTENT
    found, served = fetch(
        answer(CONTENT[:99_999]), answer(b"", Content_Range=f"bytes 99999-{SIZE - 1}/{SIZE}", status=206)
    )
    assert isinstance(found, FailedPrecondition)
    assert f"ends after 99999 bytes, where {SIZE} should be" in str(found)
    assert len(served.asked) <= QUICK_RETRY.attempts + 1


def test_a_server_that_feeds_a_byte_per_connection_is_left() -> None:
    found, served = fetch(whole(1), *[part(start, sent=1) for start in range(1, 40)])
    assert isinstance(found, Unavailable)
    assert len(served.asked) == QUICK_RETRY.attempts


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (answer(CONTENT[:-1], Content_Length=str(SIZE - 1)), f"has {SIZE - 1} bytes, not {SIZE}"),
        (answer(CONTENT + b"x", Content_Length=str(SIZE + 1)), f"has {SIZE + 1} bytes, not {SIZE}"),
        (answer(CONTENT + b"x"), f"sends more than {SIZE} bytes"),
        (
            answer(CONTENT, Content_Length=str(SIZE), Docker_Content_Digest=str(Digest.of(b"x"))),
            "announces another digest",
        ),
        (answer(b"", status=416), f"has fewer bytes than 1, not {SIZE}"),
        (answer(CONTENT, status=206), 'Content-Range "" is not the range'),
        (answer(b"", status=204), "204 No Content"),
        (answer(b"", status=304), "304 Not Modified"),
    ],
)
def test_wrong_answers(reply: bytes, message: str) -> None:
    found, served = fetch(reply)
    assert isinstance(found, FailedPrecondition), found
    assert message in str(found)
    assert len(served.asked) == 1


@pytest.mark.parametrize(
    ("content_range", "message"),
    [
        (f"bytes 0-{SIZE - 1}/{SIZE}", "sends the range 0-"),
        (f"bytes 11-{SIZE - 1}/{SIZE}", "sends the range 11-"),
        (f"bytes 10-{SIZE}/{SIZE + 1}", "sends the range 10-"),
        (f"bytes 10-9/{SIZE}", "sends the range 10-9"),
        (f"bytes 10-{SIZE - 1}/{SIZE + 1}", f"has {SIZE + 1} bytes"),
        ("bytes */5", "is not the range"),
        ("bytes=10-20/30", "is not the range"),
        ("x\x1b", r"Content-Range"),
    ],
)
def test_wrong_ranges(content_range: str, message: str) -> None:
    found, _ = fetch(answer(CONTENT[10:], status=206, Content_Range=content_range), offset=10)
    assert isinstance(found, FailedPrecondition | Unavailable), found
    assert message in str(found) or "\x1b" in content_range


def test_a_range_of_unknown_total_is_taken() -> None:
    assert fetch(answer(CONTENT[10:], status=206, Content_Range=f"bytes 10-{SIZE - 1}/*"), offset=10)[0] == CONTENT[10:]


def test_another_host_goes_on_where_one_failed() -> None:
    async def far(request: web.BaseRequest) -> web.Response:
        start = int(request.headers["Range"].removeprefix("bytes=").partition("-")[0])
        headers = {"Content-Range": f"bytes {start}-{SIZE - 1}/{SIZE}"}
        return web.Response(status=206, body=CONTENT[start:], headers=headers)

    async def ask() -> None:
        async with serving_bytes(whole(100_000), b"") as near, serving(far) as upstream:
            hosts = [Host(scheme="http", authority=one.domain) for one in (near, upstream)]
            async with RegistryClient("r.example", "a/b", hosts, Anonymous(), QUICK) as client:
                assert await gathered(client, BLOB) == CONTENT
            assert ranges(upstream) == [f"bytes=100000-{SIZE - 1}"]

    asyncio.run(ask())


def test_an_empty_blob() -> None:
    async def empty(_: web.BaseRequest) -> web.Response:
        return web.Response()

    async def ask() -> None:
        async with serving(empty) as served, served.client() as client:
            assert await gathered(client, described(b"")) == b""
            assert len(served.asked) == 1

    asyncio.run(ask())


def test_a_host_whose_bytes_were_wrong_is_not_asked_again_and_its_error_stays() -> None:
    async def wrong(_: web.BaseRequest) -> web.Response:
        return web.Response(body=bytes(SIZE))

    async def nothing(_: web.BaseRequest) -> web.Response:
        return web.Response(status=404)

    async def ask() -> None:
        async with serving(wrong) as mirror, serving(nothing) as upstream:
            hosts = [Host(scheme="http", authority=one.domain) for one in (mirror, upstream)]
            async with RegistryClient("r.example", "a/b", hosts, Anonymous(), QUICK) as client:
                assert await gathered(client, BLOB) == bytes(SIZE)
                assert client.reject_blob(BLOB, "another digest") is None
                with pytest.raises(NotFound, match=f"404 Not Found .*{mirror.url}: sent something else: another"):
                    await gathered(client, BLOB)
            assert (len(mirror.asked), len(upstream.asked)) == (1, 1)

    asyncio.run(ask())
