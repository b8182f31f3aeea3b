"""The fallback tag and its index: the specification's own examples, and what else may have the tag."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, InvalidArgument, Unavailable
from orlop.oci.digest import Digest
from orlop.oci.media_types import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST
from orlop.registry.fallback_index import descriptors_of, fallback_tag, referrer_of
from registry.blob_file import described
from registry.memory_registry import MemoryRegistry
from registry.served import serving

if TYPE_CHECKING:
    from orlop.registry.client import RegistryClient

LONG_ALGORITHM = "test+algorithm+using+algorithm+separators+and+lots+of+characters+to+excercise+overall+truncation"
LONG_ENCODED = (
    "alsoSome=InTheEncodedSectionToShowHyphenReplacementAndLotsAndLotsOfCharactersToExcerciseEncodedTruncation"
)
SUBJECT = Digest.of(b"the image")
TAG = f"sha256-{SUBJECT.encoded}"


def artifact(number: int) -> bytes:
    subject = {"mediaType": OCI_MANIFEST, "digest": str(SUBJECT), "size": 9}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": OCI_EMPTY}, "layers": [number]}
        | {"subject": subject}
    ).encode()


@pytest.mark.parametrize(
    ("digest", "tag"),
    [
        ("sha256:" + "a" * 64, "sha256-" + "a" * 64),
        ("sha512:" + "a" * 128, "sha512-" + "a" * 64),
        (
            f"{LONG_ALGORITHM}:{LONG_ENCODED}",
            "test-algorithm-using-algorithm-s-alsoSome-InTheEncodedSectionToShowHyphenReplacementAndLotsAndLot",
        ),
    ],
)
def test_the_tags_of_the_specification(digest: str, tag: str) -> None:
    algorithm, _, encoded = digest.partition(":")
    assert fallback_tag(algorithm, encoded) == tag


def test_a_referrer_has_its_artifact_type_and_annotations() -> None:
    document = {"artifactType": "x/y", "annotations": {"a": "b"}, "config": {"mediaType": OCI_EMPTY}}
    data = json.dumps(document).encode()
    found = referrer_of(data, described(data, OCI_MANIFEST))
    assert (found.artifact_type, found.annotations) == ("x/y", {"a": "b"})
    document["artifactType"] = ""
    data = json.dumps(document).encode()
    assert referrer_of(data, described(data, OCI_MANIFEST)).artifact_type == OCI_EMPTY
    index = b'{"manifests": []}'
    assert referrer_of(index, described(index, OCI_INDEX)).artifact_type == ""
    with pytest.raises(InvalidArgument, match="annotations"):
        referrer_of(b'{"annotations": {"a": 1}}', described(b"", OCI_MANIFEST))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"manifests": {}}', b'{"manifests": [], "mediaType": "x/y"}'])
def test_what_is_no_index(data: bytes) -> None:
    with pytest.raises(FailedPrecondition, match="is not an image index"):
        descriptors_of(data, "x")


def test_an_index_may_be_empty() -> None:
    assert descriptors_of(b'{"manifests": null}', "x") == []


async def index_of(client: RegistryClient) -> list[str]:
    return [str(one.digest) for one in await client.referrers(SUBJECT)]


def test_it_grows_and_has_nobody_twice() -> None:
    async def ask() -> None:
        registry = MemoryRegistry(has_referrers=False)
        async with serving(registry) as served, served.client() as client:
            for number in (1, 2, 2, 1):
                await client.push_manifest(artifact(number), OCI_MANIFEST)
            assert await index_of(client) == [str(Digest.of(artifact(number))) for number in (1, 2)]
            media_type, data = registry.manifests[TAG]
            assert media_type == OCI_INDEX
            assert json.loads(data)["manifests"][0] == {
                "mediaType": OCI_MANIFEST,
                "digest": str(Digest.of(artifact(1))),
                "size": len(artifact(1)),
                "artifactType": OCI_EMPTY,
            }

    asyncio.run(ask())


def test_what_is_no_index_is_left_alone() -> None:
    async def ask() -> None:
        registry = MemoryRegistry(has_referrers=False)
        plain = b'{"schemaVersion": 2, "config": {}, "layers": []}'
        registry.manifests[TAG] = (OCI_MANIFEST, plain)
        async with serving(registry) as served, served.client() as client:
            with pytest.raises(
                FailedPrecondition, match="is not the index of referrers that it should be; delete this"
            ):
                await client.push_manifest(artifact(1), OCI_MANIFEST)
            assert registry.manifests[TAG] == (OCI_MANIFEST, plain)
            assert await client.referrers(SUBJECT) == []

    asyncio.run(ask())


def test_somebody_elses_write_in_between_is_not_the_end_of_ours() -> None:
    async def ask(times: int) -> list[str]:
        left = times

        async def overwritten(request: web.BaseRequest) -> web.StreamResponse | None:
            nonlocal left
            if request.method != "PUT" or TAG not in request.path or not left:
                return None
            left -= 1
            return web.Response(status=201)  # ours is lost: another one came right behind it

        registry = MemoryRegistry(has_referrers=False, fault=overwritten)
        async with serving(registry) as served, served.client() as client:
            await client.push_manifest(artifact(1), OCI_MANIFEST)
            return await index_of(client)

    assert asyncio.run(ask(2)) == [str(Digest.of(artifact(1)))]
    with pytest.raises(Unavailable, match="others change the list meanwhile"):
        asyncio.run(ask(1000))
