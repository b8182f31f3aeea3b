"""Manifests from registries that are honest, old, confused or lying."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound, OrlopError, PermissionDenied, Unavailable
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.media_types import DOCKER_MANIFEST, OCI_MANIFEST
from registry.blob_file import described
from registry.served import QUICK_RETRY, Served, errors, serving

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
OTHER = str(Digest.of(b"x"))
DATA = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {}, "layers": []}).encode()
MANIFEST = described(DATA, OCI_MANIFEST)


def manifests(
    data: bytes = DATA, *, head: dict[str, str] | None = None, get: dict[str, str] | None = None, head_status: int = 200
) -> Callable[[web.BaseRequest], object]:
    """A registry with one manifest; the headers of its answers can be others."""
    honest = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": str(Digest.of(data))}

    async def handler(request: web.BaseRequest) -> web.Response:
        if request.method == "HEAD" and head_status != 200:
            return web.Response(status=head_status)
        headers = honest | ((head if request.method == "HEAD" else get) or {})
        return web.Response(body=data, headers={name: value for name, value in headers.items() if value})

    return handler


def resolve(handler: object, reference: str = "v1") -> tuple[Descriptor | OrlopError, Served]:
    async def ask() -> tuple[Descriptor | OrlopError, Served]:
        async with serving(handler) as served, served.client() as client:  # type: ignore[arg-type]
            try:
                return await client.resolve(reference), served
            except OrlopError as error:
                return error, served

    return asyncio.run(ask())


def fetch(handler: object, descriptor: Descriptor = MANIFEST) -> bytes | OrlopError:
    async def ask() -> bytes | OrlopError:
        async with serving(handler) as served, served.client() as client:  # type: ignore[arg-type]
            try:
                return await client.fetch_manifest(descriptor)
            except OrlopError as error:
                return error

    return asyncio.run(ask())


def test_head_says_all() -> None:
    found, served = resolve(manifests())
    assert found == MANIFEST
    assert served.lines == ["HEAD /v2/a/b/manifests/v1"]
    assert OCI_MANIFEST in served.asked[0].headers["Accept"]
    assert DOCKER_MANIFEST in served.asked[0].headers["Accept"]


@pytest.mark.parametrize(
    "head",
    [
        {"Docker-Content-Digest": ""},
        {"Docker-Content-Digest": "blake3:00"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "text/plain; charset=utf-8"},
    ],
)
def test_get_where_head_does_not(head: dict[str, str]) -> None:
    found, served = resolve(manifests(head=head))
    assert found == MANIFEST
    assert [line.split()[0] for line in served.lines] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [400, 404, 405])
def test_get_where_there_is_no_head(status: int) -> None:
    assert resolve(manifests(head_status=status))[0] == MANIFEST


def test_get_tells_why_not() -> None:
    async def denied(_: web.BaseRequest) -> web.Response:
        return errors("DENIED", "you may not", 403)

    found, served = resolve(denied)
    assert isinstance(found, PermissionDenied)
    assert "DENIED: you may not" in str(found)
    assert len(served.asked) == 2


def test_a_registry_that_is_too_busy_gets_no_second_request() -> None:
    found, served = resolve(manifests(head_status=429))
    assert isinstance(found, Unavailable)
    assert served.lines == ["HEAD /v2/a/b/manifests/v1"] * QUICK_RETRY.attempts


def test_sha512() -> None:
    digest = Digest.of(DATA, algorithm="sha512")
    assert resolve(manifests(head={"Docker-Content-Digest": ""}, get={"Docker-Content-Digest": ""}), str(digest))[
        0
    ] == Descriptor(media_type=OCI_MANIFEST, digest=digest, size=len(DATA))


@pytest.mark.parametrize(
    ("handler", "reference", "kind", "message"),
    [
        (
            manifests(head={"Docker-Content-Digest": OTHER}),
            str(MANIFEST.digest),
            FailedPrecondition,
            "announces the digest",
        ),
        (manifests(head={"Docker-Content-Digest": "x"}), "v1", FailedPrecondition, "is not a digest"),
        (manifests(head_status=405, get={"Docker-Content-Digest": OTHER}), "v1", FailedPrecondition, "has the digest"),
        (manifests(b'{"config": {}}', head_status=405), str(MANIFEST.digest), FailedPrecondition, "has the digest"),
        (
            manifests(head_status=405, get={"Content-Type": DOCKER_MANIFEST}),
            "v1",
            FailedPrecondition,
            "as it was announced",
        ),
        (manifests(head={"Content-Type": SCHEMA_1}), "v1", InvalidArgument, "schema 1"),
        (
            manifests(
                b'{"schemaVersion": 1, "fsLayers": []}', head_status=405, get={"Content-Type": "application/json"}
            ),
            "v1",
            InvalidArgument,
            "schema 1",
        ),
        (
            manifests(b"<html>", head_status=405, get={"Content-Type": "text/html"}),
            "v1",
            InvalidArgument,
            "is not a JSON object",
        ),
        (
            manifests(b'{"a":1}', head_status=405, get={"Content-Type": "text/html"}),
            "v1",
            InvalidArgument,
            "is neither",
        ),
        (manifests(b" " * ((4 << 20) + 1)), "v1", InvalidArgument, "at most 4194304 are read"),
        (manifests(b" " * ((4 << 20) + 1), head_status=405), "v1", FailedPrecondition, "larger than 4194304 bytes"),
    ],
)
def test_what_is_refused(handler: object, reference: str, kind: type[OrlopError], message: str) -> None:
    found, _ = resolve(handler, reference)
    assert isinstance(found, kind), found
    assert message in str(found)


def test_a_manifest_by_its_descriptor() -> None:
    assert fetch(manifests()) == DATA
    # What the registry says of itself matters less than the digest.
    assert fetch(manifests(get={"Content-Type": "text/plain", "Docker-Content-Digest": "nonsense"})) == DATA


def test_embedded_data_needs_no_request_and_is_verified() -> None:
    async def unused(_: web.BaseRequest) -> web.Response:
        raise AssertionError("nothing is asked")

    embedded = Descriptor(media_type=OCI_MANIFEST, digest=MANIFEST.digest, size=len(DATA), data=DATA)
    assert fetch(unused, embedded) == DATA
    lying = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"x"), size=len(DATA), data=DATA)
    assert isinstance(fetch(unused, lying), FailedPrecondition)


@pytest.mark.parametrize(
    ("handler", "descriptor", "kind", "message"),
    [
        (manifests(DATA + b" "), MANIFEST, FailedPrecondition, "bytes, not"),
        (manifests(DATA.replace(b"2", b"3")), MANIFEST, FailedPrecondition, "has the digest"),
        (
            manifests(),
            Descriptor(media_type=DOCKER_MANIFEST, digest=MANIFEST.digest, size=len(DATA)),
            FailedPrecondition,
            "as it was announced",
        ),
        (
            manifests(),
            Descriptor(media_type=OCI_MANIFEST, digest=MANIFEST.digest, size=5 << 20),
            InvalidArgument,
            "at most",
        ),
        (manifests(), Descriptor(media_type=SCHEMA_1, digest=MANIFEST.digest, size=5), InvalidArgument, "schema 1"),
    ],
)
def test_content_that_differs(handler: object, descriptor: Descriptor, kind: type[OrlopError], message: str) -> None:
    found = fetch(handler, descriptor)
    assert isinstance(found, kind), found
    assert message in str(found)


def test_not_found() -> None:
    async def missing(_: web.BaseRequest) -> web.Response:
        return errors("MANIFEST_UNKNOWN", "manifest unknown", 404)

    found = fetch(missing)
    assert isinstance(found, NotFound)
    assert "404 Not Found: MANIFEST_UNKNOWN: manifest unknown" in str(found)
