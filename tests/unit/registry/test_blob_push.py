"""Blobs to registries: what need not be sent, in one request, in chunks, and after cuts."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, InvalidArgument, OrlopError, PermissionDenied, Unavailable
from orlop.oci.digest import Digest
from registry.blob_bytes import BlobBytes
from registry.blob_file import described
from registry.memory_registry import MemoryRegistry
from registry.served import QUICK, QUICK_RETRY, Served, errors, serving

if TYPE_CHECKING:
    from orlop.oci.descriptor import Descriptor
    from orlop.registry.client import Settings

CONTENT = random.Random(3).randbytes(3_000_000)  # noqa: S311 -- any bytes, the same ones each time
BLOB = described(CONTENT)
CHUNKED = dataclasses.replace(QUICK, push_chunk_bytes=1_000_000)


class Push:
    """One push, and how it went."""

    def __init__(
        self, registry: MemoryRegistry, settings: Settings = QUICK, descriptor: Descriptor = BLOB, mount_from: str = ""
    ) -> None:
        self.registry = registry
        self.progress: list[int] = []
        self.error: OrlopError | None = None
        self.served = Served(0)
        self.was_sent: bool | None = None
        asyncio.run(self._push(settings, descriptor, mount_from))

    async def _push(self, settings: Settings, descriptor: Descriptor, mount_from: str) -> None:
        async with serving(self.registry) as self.served, self.served.client(settings) as client:
            content = BlobBytes(CONTENT)
            try:
                self.was_sent = await client.push_blob(
                    descriptor, content, mount_from=mount_from, on_progress=self.progress.append
                )
            except OrlopError as error:
                self.error = error

    @property
    def steps(self) -> list[str]:
        return [one.method for one in self.served.asked]

    def check(self) -> None:
        assert self.error is None, self.error
        assert self.registry.blobs["a/b"][str(BLOB.digest)] == CONTENT
        assert sum(self.progress) == len(CONTENT)


def test_in_one_request() -> None:
    push = Push(MemoryRegistry())
    push.check()
    assert push.was_sent is True
    assert push.steps == ["HEAD", "POST", "PUT"]
    put = push.served.asked[-1]
    assert put.target == f"/v2/a/b/blobs/uploads/0?state=a%2Fb&digest={BLOB.digest}"
    assert put.headers["Content-Length"] == str(len(CONTENT))
    assert put.headers["Content-Type"] == "application/octet-stream"
    assert "Transfer-Encoding" not in put.headers


def test_what_is_there_is_not_sent() -> None:
    push = Push(MemoryRegistry(blobs={"a/b": {str(BLOB.digest): CONTENT}}))
    assert (push.was_sent, push.steps, push.progress) == (False, ["HEAD"], [])


def test_a_mount() -> None:
    push = Push(MemoryRegistry(blobs={"c/d": {str(BLOB.digest): CONTENT}}), mount_from="c/d")
    assert (push.was_sent, push.steps, push.progress) == (False, ["HEAD", "POST"], [])
    assert push.served.asked[1].target == f"/v2/a/b/blobs/uploads/?mount={BLOB.digest}&from=c/d"
    assert push.registry.blobs["a/b"] == {str(BLOB.digest): CONTENT}


def test_a_mount_that_the_registry_answers_with_an_upload() -> None:
    push = Push(MemoryRegistry(), mount_from="c/d")
    push.check()
    assert push.steps == ["HEAD", "POST", "PUT"]


def test_a_mount_that_is_refused() -> None:
    async def no_mounts(request: web.BaseRequest) -> web.Response | None:
        return errors("DENIED", "not yours", 403) if "mount" in request.query else None

    push = Push(MemoryRegistry(fault=no_mounts), mount_from="c/d")
    push.check()
    assert push.steps == ["HEAD", "POST", "POST", "PUT"]


def test_in_chunks() -> None:
    push = Push(MemoryRegistry(), CHUNKED)
    push.check()
    assert push.steps == ["HEAD", "POST", "PATCH", "PATCH", "PATCH", "PUT"]
    patches = [one for one in push.served.asked if one.method == "PATCH"]
    assert [one.headers["Content-Range"] for one in patches] == ["0-999999", "1000000-1999999", "2000000-2999999"]
    assert push.served.asked[-1].headers["Content-Length"] == "0"


def test_chunks_are_as_long_as_the_registry_wants_them() -> None:
    push = Push(MemoryRegistry(min_chunk=1_600_000), CHUNKED)
    push.check()
    patches = [one for one in push.served.asked if one.method == "PATCH"]
    assert [one.headers["Content-Range"] for one in patches] == ["0-1599999", "1600000-2999999"]


def test_a_proxy_that_takes_little_gets_little() -> None:
    async def small_bodies(request: web.BaseRequest) -> web.Response | None:
        return web.Response(status=413) if (request.content_length or 0) > 1_000_000 else None

    push = Push(MemoryRegistry(fault=small_bodies))
    push.check()
    assert push.steps.count("PATCH") >= 3


def test_a_proxy_that_takes_nothing_is_an_error() -> None:
    async def no_bodies(request: web.BaseRequest) -> web.Response | None:
        return web.Response(status=413) if request.content_length else None

    push = Push(MemoryRegistry(fault=no_bodies))
    assert isinstance(push.error, InvalidArgument)
    assert "413" in str(push.error)
    assert push.registry.uploads == {}


class Cut:
    """Breaks the connection in the middle of the bodies that it is told to break."""

    def __init__(self, registry: MemoryRegistry, method: str, times: int, keep: int) -> None:
        self.registry = registry
        self.method = method
        self.left = times
        self.keep = keep

    async def __call__(self, request: web.BaseRequest) -> web.Response | None:
        if request.method != self.method or not self.left or not request.content_length:
            return None
        self.left -= 1
        part = await request.content.readexactly(self.keep)
        number = request.path.rpartition("/")[2]
        self.registry.uploads[number] += part
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


@pytest.mark.parametrize(("settings", "method"), [(QUICK, "PUT"), (CHUNKED, "PATCH")])
@pytest.mark.parametrize("times", [1, 2])
def test_a_cut_is_resumed_with_what_has_arrived(settings: Settings, method: str, times: int) -> None:
    registry = MemoryRegistry()
    registry.fault = Cut(registry, method, times, 500_000)
    push = Push(registry, settings)
    push.check()
    assert "GET" in push.steps
    resumed = push.served.asked[push.steps.index("GET") + 1]
    assert resumed.headers["Content-Range"].startswith("500000-")


def test_a_session_that_is_lost_begins_anew() -> None:
    async def forgetful(request: web.BaseRequest) -> web.Response | None:
        if request.method == "PUT" and len(registry.uploads) == 1 and "0" in registry.uploads:
            registry.uploads["1"] = registry.uploads.pop("0")
            del registry.uploads["1"]
            registry.uploads["gone"] = bytearray()
            return None
        return None

    registry = MemoryRegistry(fault=forgetful)
    push = Push(registry)
    push.check()
    assert push.steps[:3] == ["HEAD", "POST", "PUT"]
    assert push.steps.count("POST") == 2


def test_a_chunk_out_of_order_is_answered_with_the_offset() -> None:
    async def ahead(request: web.BaseRequest) -> web.Response | None:
        if request.method == "PATCH" and request.headers["Content-Range"].startswith("1000000-") and not seen:
            seen.append(1)
            registry.uploads["0"] += CONTENT[1_000_000:1_200_000]  # an earlier try had come through
        return None

    seen: list[int] = []
    registry = MemoryRegistry(fault=ahead)
    push = Push(registry, CHUNKED)
    push.check()
    ranges = [one.headers.get("Content-Range") for one in push.served.asked]
    assert "1200000-2199999" in ranges


def test_the_lost_answer_to_the_last_request() -> None:
    async def lost(request: web.BaseRequest) -> web.StreamResponse | None:
        if request.method != "PUT" or registry.fault is None:
            return None
        registry.fault = None
        await registry(request)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    registry = MemoryRegistry(fault=lost)
    push = Push(registry)
    push.check()
    assert push.steps == ["HEAD", "POST", "PUT", "GET", "HEAD"]


def test_a_registry_that_always_breaks() -> None:
    registry = MemoryRegistry()
    registry.fault = Cut(registry, "PUT", 1000, 0)
    push = Push(registry)
    assert isinstance(push.error, Unavailable)
    assert push.steps.count("PUT") == QUICK_RETRY.attempts
    assert push.steps[-1] == "DELETE"
    assert registry.uploads == {"0": b""} or len(registry.uploads) < QUICK_RETRY.attempts


def test_another_digest_is_an_error_in_the_registrys_words() -> None:
    other = dataclasses.replace(BLOB, digest=Digest.of(b"x"))
    push = Push(MemoryRegistry(), descriptor=other)
    assert isinstance(push.error, FailedPrecondition)
    assert "DIGEST_INVALID: provided digest did not match uploaded content" in str(push.error)
    assert push.steps == ["HEAD", "POST", "PUT", "DELETE"]
    assert push.registry.uploads == {}


def test_sha512_is_announced() -> None:
    blob = described(CONTENT, algorithm="sha512")
    push = Push(MemoryRegistry(), descriptor=blob)
    assert push.error is None
    assert push.served.asked[1].target == "/v2/a/b/blobs/uploads/?digest-algorithm=sha512"
    assert push.registry.blobs["a/b"] == {str(blob.digest): CONTENT}


def test_another_size_is_refused_before_anything_is_sent() -> None:
    push = Push(MemoryRegistry(), descriptor=dataclasses.replace(BLOB, size=5))
    assert isinstance(push.error, InvalidArgument)
    assert push.steps == []


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_a_refusal(method: str) -> None:
    async def denied(request: web.BaseRequest) -> web.Response | None:
        return errors("DENIED", "read only", 403) if request.method == method else None

    push = Push(MemoryRegistry(fault=denied))
    assert isinstance(push.error, PermissionDenied)


def test_a_session_without_a_place() -> None:
    async def nowhere(request: web.BaseRequest) -> web.Response | None:
        return web.Response(status=202) if request.method == "POST" else None

    assert "without a Location" in str(Push(MemoryRegistry(fault=nowhere)).error)


def test_uploads_to_another_host_get_no_credentials() -> None:
    async def ask() -> None:
        storage = MemoryRegistry()
        storage.uploads["0"] = bytearray()
        async with serving(storage) as elsewhere:

            async def registry(request: web.BaseRequest) -> web.Response:
                if "Authorization" not in request.headers:
                    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
                if request.method == "HEAD":
                    return web.Response(status=404)
                return web.Response(status=202, headers={"Location": f"{elsewhere.url}/v2/x/blobs/uploads/0"})

            async with serving(registry) as served, served.client(login="u:p") as client:
                assert await client.push_blob(BLOB, BlobBytes(CONTENT))
            assert [one.method for one in elsewhere.asked] == ["PUT"]
            assert "Authorization" not in elsewhere.asked[0].headers

    asyncio.run(ask())


def test_an_empty_blob() -> None:
    async def ask() -> None:
        registry = MemoryRegistry()
        async with serving(registry) as served, served.client() as client:
            assert await client.push_blob(described(b""), BlobBytes(b""))
        assert list(registry.blobs["a/b"].values()) == [b""]

    asyncio.run(ask())
