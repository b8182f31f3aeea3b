"""Manifests to a registry, and away from it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound, NotImplementedFeature, PermissionDenied
from orlop.oci.digest import Digest
from orlop.oci.media_types import OCI_INDEX, OCI_MANIFEST
from registry.memory_registry import MemoryRegistry, digest_of
from registry.served import errors, serving

DOCUMENT: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {}, "layers": []}
DATA = json.dumps(DOCUMENT).encode()


def test_under_a_tag_or_by_digest() -> None:
    async def ask() -> None:
        registry = MemoryRegistry()
        async with serving(registry) as served, served.client() as client:
            found = await client.push_manifest(DATA, OCI_MANIFEST, tag="v1")
            assert (found.media_type, found.digest, found.size) == (OCI_MANIFEST, Digest.of(DATA), len(DATA))
            await client.push_manifest(DATA, OCI_MANIFEST)
            assert served.lines == ["PUT /v2/a/b/manifests/v1", f"PUT /v2/a/b/manifests/{Digest.of(DATA)}"]
            assert served.asked[0].headers["Content-Type"] == OCI_MANIFEST
            assert served.asked[0].body == DATA
            assert await client.resolve("v1") == found

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("data", "media_type", "tag", "message"),
    [
        (DATA, OCI_INDEX, "v1", "as it was announced"),
        (b"x", OCI_MANIFEST, "v1", "is not a JSON object"),
        (b'{"a":1}', "application/json", "v1", "is neither a manifest nor an index"),
        (DATA, OCI_MANIFEST, "a/b", "is not a tag"),
        (DATA, OCI_MANIFEST, str(Digest.of(DATA)), "is a digest; push without a tag"),
        (DATA, "text/plain", "v1", 'mediaType: is not "text/plain"'),
        (json.dumps(DOCUMENT | {"subject": {"digest": "x"}}).encode(), OCI_MANIFEST, "v1", "manifest: subject"),
    ],
)
def test_what_is_refused_before_it_is_sent(data: bytes, media_type: str, tag: str, message: str) -> None:
    async def ask() -> None:
        async with serving(MemoryRegistry()) as served, served.client() as client:
            with pytest.raises(InvalidArgument, match=message):
                await client.push_manifest(data, media_type, tag=tag)
            assert served.asked == []

    asyncio.run(ask())


def test_a_huge_one_is_not_sent() -> None:
    async def ask() -> None:
        async with serving(MemoryRegistry()) as served, served.client() as client:
            with pytest.raises(InvalidArgument, match="registries take at most 4194304"):
                await client.push_manifest(b" " * (5 << 20), OCI_MANIFEST)
            assert served.asked == []

    asyncio.run(ask())


def test_a_registry_that_stores_something_else() -> None:
    async def other(_: web.BaseRequest) -> web.Response:
        return web.Response(status=201, headers={"Docker-Content-Digest": digest_of(b"x")})

    async def ask() -> None:
        async with serving(other) as served, served.client() as client:
            with pytest.raises(FailedPrecondition, match="has stored the digest"):
                await client.push_manifest(DATA, OCI_MANIFEST, tag="v1")

    asyncio.run(ask())


def test_refusals_are_told() -> None:
    async def unknown(_: web.BaseRequest) -> web.Response:
        return errors("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", 404)

    async def unsupported(request: web.BaseRequest) -> web.Response:
        return errors("UNSUPPORTED", "deletion is disabled", 405 if "v1" in request.path else 400)

    async def denied(_: web.BaseRequest) -> web.Response:
        return errors("DENIED", "no", 403)

    async def ask() -> None:
        async with serving(unknown) as served, served.client() as client:
            with pytest.raises(NotFound, match="MANIFEST_BLOB_UNKNOWN: blob unknown to registry"):
                await client.push_manifest(DATA, OCI_MANIFEST, tag="v1")
        async with serving(unsupported) as served, served.client() as client:
            for tag in ("v1", "v2"):
                with pytest.raises(NotImplementedFeature, match=f"cannot delete .*/a/b:{tag}: .*deletion is disabled"):
                    await client.delete(tag)
        async with serving(denied) as served, served.client() as client:
            with pytest.raises(PermissionDenied):
                await client.delete(str(Digest.of(DATA)))

    asyncio.run(ask())


def test_deletion_of_tags_and_manifests() -> None:
    async def ask() -> None:
        registry = MemoryRegistry()
        async with serving(registry) as served, served.client() as client:
            await client.push_manifest(DATA, OCI_MANIFEST, tag="v1")
            await client.delete("v1")
            assert served.lines[-1] == "DELETE /v2/a/b/manifests/v1"
            assert list(registry.manifests) == [str(Digest.of(DATA))]
            await client.delete(str(Digest.of(DATA)))
            assert registry.manifests == {}
            with pytest.raises(NotFound):
                await client.delete(str(Digest.of(DATA)))
            with pytest.raises(InvalidArgument):
                await client.delete("a/b")

    asyncio.run(ask())
