"""What a manifest's bytes say of themselves: its type, its subject, and what makes us refuse it. No I/O."""

from __future__ import annotations

import json
from typing import Any

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.oci.digest import Digest
from orlop.oci.media_types import DOCKER_SCHEMA_1, INDEXES, MANIFESTS, OCI_INDEX, OCI_MANIFEST

from .printable import printable

MAX_MANIFEST_BYTES = 4 << 20  # spec.md, Pushing Manifests
KNOWN_TYPES = MANIFESTS | INDEXES
ACCEPT = ", ".join([*sorted(MANIFESTS), *sorted(INDEXES), "*/*;q=0.1"])


def bare_type(content_type: str) -> str:
    """A Content-Type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def refuse_schema_1(media_type: str, place: str) -> None:
    """Raise for docker's first format, which cannot be verified against the digest of its bytes.

    Raises:
        InvalidArgument: the type is one of it.
    """
    if media_type in DOCKER_SCHEMA_1:
        raise InvalidArgument(
            f"{place}: is a manifest of docker's schema 1, which is not supported",
            hint="have the image pushed again by a current tool, or ask its publisher to",
        )


def parse_manifest(data: bytes, place: str) -> dict[str, Any]:
    """The document, once it is clear that it is one kind of manifest.

    Raises:
        InvalidArgument: it is no JSON object, it is schema 1, or it is an image manifest and an index at once
            (GHSA-77vh-xpmg-72qh and GHSA-5j5w-g665-5m35: readers would differ on what it is).
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidArgument(f"{place}: is not a JSON object")
    if document.get("schemaVersion") == 1:
        refuse_schema_1(min(DOCKER_SCHEMA_1), place)
    if "manifests" in document and ("layers" in document or "config" in document):
        raise InvalidArgument(f"{place}: has the fields of an index and of an image manifest, so it is neither")
    return document


def manifest_type(document: dict[str, Any], declared: str, place: str) -> str:
    """The media type, of the document's own field and of what was declared: a Content-Type, or a descriptor's type.

    Raises:
        FailedPrecondition: the two differ (spec.md, Pulling manifests).
        InvalidArgument: it is no manifest and no index.
    """
    refuse_schema_1(declared, place)
    own = document.get("mediaType") or ""
    if not isinstance(own, str):
        raise InvalidArgument(f"{place}: mediaType: must be a text")
    refuse_schema_1(own, place)
    if own and declared in KNOWN_TYPES and own != declared:
        raise FailedPrecondition(f'{place}: mediaType: "{printable(own)}" is not "{declared}", as it was announced')
    found = own or (declared if declared in KNOWN_TYPES else _type_of_fields(document))
    if found not in KNOWN_TYPES:
        raise InvalidArgument(f'{place}: type "{printable(found or declared)}" is neither a manifest nor an index')
    if (found in INDEXES) != ("manifests" in document):
        raise InvalidArgument(f'{place}: does not have the fields of a "{found}"')
    return found


def _type_of_fields(document: dict[str, Any]) -> str:
    """image-spec: mediaType should be set, and is not always."""
    if "manifests" in document:
        return OCI_INDEX
    return OCI_MANIFEST if "config" in document else ""


def verify(data: bytes, digest: Digest, place: str) -> None:
    """Raise unless the bytes have the digest.

    Raises:
        FailedPrecondition: they do not.
    """
    found = Digest.of(data, algorithm=digest.algorithm)
    if found != digest:
        raise FailedPrecondition(f"{place}: the content has the digest {found}, not {digest}")


def announced_digest(text: str | None, place: str) -> Digest | None:
    """The digest of a Docker-Content-Digest header; None without one, or with an algorithm that we do not verify.

    Raises:
        FailedPrecondition: it is not a digest.
    """
    if not text or (":" in text and text.partition(":")[0] not in ("sha256", "sha512")):
        return None
    try:
        return Digest.parse(text)
    except InvalidArgument:
        raise FailedPrecondition(f'{place}: Docker-Content-Digest "{printable(text)}" is not a digest') from None
