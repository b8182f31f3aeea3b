"""Referrers by the API."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, PermissionDenied
from orlop.oci.digest import Digest
from orlop.oci.media_types import OCI_EMPTY, OCI_MANIFEST
from orlop.registry.referrers import has_referrers_api
from registry.memory_registry import INDEX, MemoryRegistry
from registry.served import errors, serving

if TYPE_CHECKING:
    from orlop.registry.client import RegistryClient

IMAGE = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {}, "layers": []}).encode()
SUBJECT = Digest.of(IMAGE)


def artifact(number: int, artifact_type: str = "application/vnd.example.sbom") -> bytes:
    """A manifest that refers to the image."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": {"mediaType": OCI_EMPTY, "digest": str(Digest.of(b"{}")), "size": 2},
        "layers": [],
        "subject": {"mediaType": OCI_MANIFEST, "digest": str(SUBJECT), "size": len(IMAGE)},
        "annotations": {"number": str(number)},
    }
    return json.dumps({name: value for name, value in document.items() if value}).encode()


async def push_all(client: RegistryClient) -> None:
    for number in range(7):
        await client.push_manifest(artifact(number), OCI_MANIFEST)
    await client.push_manifest(artifact(7, "application/vnd.example.signature"), OCI_MANIFEST)
    await client.push_manifest(artifact(8, ""), OCI_MANIFEST)  # its type is that of its configuration


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("has_referrers", [True, False])
def test_all_and_by_type(has_referrers: bool, filters: bool) -> None:
    async def ask() -> None:
        registry = MemoryRegistry(has_referrers=has_referrers, filters=filters, page=3)
        async with serving(registry) as served, served.client() as client:
            await push_all(client)
            found = await client.referrers(SUBJECT)
            assert sorted(one.annotations["number"] for one in found) == [str(number) for number in range(9)]
            assert {one.media_type for one in found} == {OCI_MANIFEST}
            for artifact_type, count in (("sbom", 7), ("signature", 1), ("none", 0)):
                some = await client.referrers(SUBJECT, artifact_type=f"application/vnd.example.{artifact_type}")
                assert len(some) == count
            assert len(await client.referrers(SUBJECT, artifact_type=OCI_EMPTY)) == 1
            assert await client.referrers(Digest.of(b"alone")) == []
            host = client._repository.hosts[0]
            assert await has_referrers_api(client._repository, host, SUBJECT) is has_referrers
        tags = [line for line in served.lines if "sha256-" in line]
        assert bool(tags) is not has_referrers

    asyncio.run(ask())


def test_deletion_leaves_the_lists() -> None:
    async def ask() -> None:
        for has_referrers in (True, False):
            registry = MemoryRegistry(has_referrers=has_referrers)
            async with serving(registry) as served, served.client() as client:
                await push_all(client)
                await client.delete(str(Digest.of(artifact(3))))
                found = {one.annotations["number"] for one in await client.referrers(SUBJECT)}
                assert found == {"0", "1", "2", "4", "5", "6", "7", "8"}

    asyncio.run(ask())


def test_wrong_answers() -> None:
    async def wrong(_: web.BaseRequest) -> web.Response:
        return web.json_response({"manifests": [{"digest": "x"}]}, content_type=INDEX)

    async def denied(_: web.BaseRequest) -> web.Response:
        return errors("DENIED", "no", 403)

    async def ask() -> None:
        async with serving(wrong) as served, served.client() as client:
            with pytest.raises(FailedPrecondition, match=r"manifests\[0\]"):
                await client.referrers(SUBJECT)
        async with serving(denied) as served, served.client() as client:
            with pytest.raises(PermissionDenied, match=r"cannot list referrers of .*DENIED"):
                await client.referrers(SUBJECT)

    asyncio.run(ask())
