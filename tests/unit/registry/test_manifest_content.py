"""What a manifest says of itself, and what is refused for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.oci.digest import Digest
from orlop.oci.media_types import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from orlop.registry.manifest_content import (
    ACCEPT,
    announced_digest,
    bare_type,
    manifest_type,
    parse_manifest,
    refuse_schema_1,
    verify,
)

MANIFEST: dict[str, Any] = {"schemaVersion": 2, "config": {}, "layers": []}


def test_all_types_are_accepted_but_schema_1() -> None:
    for one in (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, "application/vnd.docker.distribution.manifest.list.v2+json"):
        assert one in ACCEPT
    assert "manifest.v1+" not in ACCEPT.replace("image.manifest.v1+", "")
    assert bare_type("Application/JSON; charset=utf-8") == "application/json"


@pytest.mark.parametrize(
    ("document", "declared", "found"),
    [
        (MANIFEST | {"mediaType": OCI_MANIFEST}, OCI_MANIFEST, OCI_MANIFEST),
        (MANIFEST | {"mediaType": DOCKER_MANIFEST}, "text/plain", DOCKER_MANIFEST),
        (MANIFEST, DOCKER_MANIFEST, DOCKER_MANIFEST),
        (MANIFEST, "application/json", OCI_MANIFEST),
        ({"manifests": []}, "", OCI_INDEX),
    ],
)
def test_types(document: dict[str, Any], declared: str, found: str) -> None:
    assert manifest_type(document, declared, "x") == found


@pytest.mark.parametrize(
    ("document", "declared", "kind", "message"),
    [
        (MANIFEST | {"mediaType": OCI_MANIFEST}, DOCKER_MANIFEST, FailedPrecondition, "is not .* as it was announced"),
        (MANIFEST | {"mediaType": 5}, OCI_MANIFEST, InvalidArgument, "mediaType: must be a text"),
        ({"a": 1}, "application/json", InvalidArgument, "is neither a manifest nor an index"),
        (MANIFEST | {"mediaType": "x/y\x1b"}, "", InvalidArgument, r'type "x/y\\x1b" is neither'),
        (MANIFEST, OCI_INDEX, InvalidArgument, "does not have the fields of"),
        ({"manifests": []}, OCI_MANIFEST, InvalidArgument, "does not have the fields of"),
    ],
)
def test_contradictions(document: dict[str, Any], declared: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        manifest_type(document, declared, "x")


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    ],
)
def test_schema_1_is_refused_by_name(media_type: str) -> None:
    with pytest.raises(InvalidArgument, match="docker's schema 1, which is not supported; have the image pushed again"):
        refuse_schema_1(media_type, "x")
    with pytest.raises(InvalidArgument, match="schema 1"):
        manifest_type(MANIFEST | {"mediaType": media_type}, "", "x")


@pytest.mark.parametrize("field", ["config", "layers"])
def test_what_is_two_things_at_once_is_neither(field: str) -> None:
    """GHSA-77vh-xpmg-72qh."""
    with pytest.raises(InvalidArgument, match="fields of an index and of an image manifest"):
        parse_manifest(json.dumps({"manifests": [], field: []}).encode(), "x")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 2000, b"null"])
def test_what_is_no_document(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="x: is not a JSON object"):
        parse_manifest(data, "x")


def test_documents_of_schema_1() -> None:
    with pytest.raises(InvalidArgument, match="schema 1"):
        parse_manifest(b'{"schemaVersion": 1, "fsLayers": []}', "x")


def test_digests() -> None:
    verify(b"x", Digest.of(b"x", algorithm="sha512"), "x")
    with pytest.raises(FailedPrecondition, match="the content has the digest sha256:"):
        verify(b"y", Digest.of(b"x"), "x")
    assert announced_digest(str(Digest.of(b"x")), "x") == Digest.of(b"x")
    assert announced_digest(None, "x") is None
    assert announced_digest("blake3:abc", "x") is None
    for wrong in ("nonsense", "sha256:abc"):
        with pytest.raises(FailedPrecondition, match="is not a digest"):
            announced_digest(wrong, "x")
