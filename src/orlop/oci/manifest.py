"""Image manifests and indexes (manifest.md, image-index.md) and docker's schema 2 of both: parsed strictly, written.

What a document is, its media type says. It must say the same everywhere: in the descriptor or the answer's header, in
the document's own field, and by what the document has. One with both `layers` and `manifests` was read as an image by
one client and as an index by another (GHSA-5j5w-g665-5m35); here it is an error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument

from .descriptor import Descriptor
from .field_checks import shown
from .image_fields import list_of, strings_of, text_of, texts_of
from .image_json import MANIFEST_MAX_BYTES, decode_object, refuse_other_case
from .media_types import (
    CONFIGS,
    DOCKER_SCHEMA_1,
    INDEXES,
    MANIFESTS,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    is_media_type,
)
from .platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

_MANIFEST_KEYS = ("schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations")
_INDEX_KEYS = ("schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations")
_KNOWN_KEYS = (*_MANIFEST_KEYS, "manifests", "fsLayers")

# What servers send that do not know what they send: it says nothing, so the document does.
_UNSPECIFIC = frozenset({"", "application/json", "application/octet-stream", "text/plain"})

EMPTY_JSON = b"{}"  # the blob of an empty configuration (manifest.md, "Guidance for an Empty Descriptor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One image, or an artifact. The layers are in order, the lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = OCI_MANIFEST
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_image(self) -> bool:
        """Whether the configuration is one of an image: else this is an artifact, which nothing can be made to run."""
        return self.config.media_type in CONFIGS

    @property
    def kind(self) -> str:
        """The type of the artifact; older ones have it as the type of their configuration."""
        return self.artifact_type or self.config.media_type

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """What it is made of: the configuration and the layers. A subject is another's, and need not be there."""
        return (self.config, *self.layers)

    def to_json(self) -> dict[str, Any]:
        """The document, keys in the specification's order."""
        value: dict[str, Any] = {"schemaVersion": 2, "mediaType": self.media_type}
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        value["config"] = self.config.to_json()
        value["layers"] = [layer.to_json() for layer in self.layers]
        return value | _common_json(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Several images, or other things: one name for all of them."""

    manifests: tuple[Descriptor, ...]
    media_type: str = OCI_INDEX
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """What it names."""
        return self.manifests

    def to_json(self) -> dict[str, Any]:
        """The document, keys in the specification's order."""
        value: dict[str, Any] = {"schemaVersion": 2, "mediaType": self.media_type}
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        value["manifests"] = [one.to_json() for one in self.manifests]
        return value | _common_json(self)


def parse_manifest(data: bytes, *, media_type: str = "", place: str = "manifest") -> Manifest | Index:
    """The manifest or index that a document is.

    `media_type` is what the descriptor or the registry's answer called it; "" where nobody said. A document without
    the field is what `media_type` says, or else what its properties make it, of the image specification.

    Raises:
        InvalidArgument: it is more than 4 MiB, no strict JSON, of schema 1, of another type than it was called, not
            clear about what it is, or has a field that is missing or wrong.
    """
    value = decode_object(data, place=place, max_bytes=MANIFEST_MAX_BYTES)
    refuse_other_case(value, _KNOWN_KEYS, place=place)
    called = media_type.partition(";")[0].strip().lower()
    _refuse_schema_1(value, called, place)
    found = _media_type(value, called, place)
    if value.get("schemaVersion") != 2 or isinstance(value["schemaVersion"], bool):
        raise InvalidArgument(f"{place}.schemaVersion: must be 2")
    parts: dict[str, Any] = {
        "media_type": found,
        "artifact_type": _artifact_type(value, place),
        "annotations": strings_of(value, "annotations", place),
        "subject": _descriptor(value, "subject", place) if value.get("subject") is not None else None,
    }
    if found in INDEXES:
        return Index(manifests=_manifests(value, place), **parts)
    manifest = Manifest(
        config=_descriptor(value, "config", place), layers=_descriptors(value, "layers", place), **parts
    )
    if manifest.config.media_type == OCI_EMPTY and not manifest.artifact_type:
        raise InvalidArgument(f"{place}.artifactType: is missing, and the configuration, which is empty, says nothing")
    return manifest


def encode_manifest(manifest: Manifest | Index) -> bytes:
    """The document as bytes, compact: what its digest is of."""
    return json.dumps(manifest.to_json(), separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _refuse_schema_1(value: dict[str, Any], called: str, place: str) -> None:
    said = value.get("mediaType")
    named = called in DOCKER_SCHEMA_1 or (isinstance(said, str) and said in DOCKER_SCHEMA_1)
    if named or "fsLayers" in value or value.get("schemaVersion") == 1:
        raise InvalidArgument(
            f"{place}: docker's image manifest schema 1 is not supported: it cannot be verified layer by layer",
            hint="pull and push the image again with a current engine, which writes schema 2 or OCI",
        )


def _media_type(value: dict[str, Any], called: str, place: str) -> str:
    said = text_of(value, "mediaType", place)
    if said and called not in _UNSPECIFIC and said != called:
        raise InvalidArgument(f"{place}.mediaType: {shown(said)} is not what it was called, {shown(called)}")
    has_index = value.get("manifests") is not None
    has_manifest = value.get("layers") is not None or value.get("config") is not None
    if has_index and has_manifest:
        raise InvalidArgument(f"{place}: it has manifests and layers: it is an index to one and an image to another")
    found = said or (called if called not in _UNSPECIFIC else "") or (OCI_INDEX if has_index else OCI_MANIFEST)
    if found not in INDEXES | MANIFESTS:
        raise InvalidArgument(f"{place}.mediaType: {shown(found)} is neither a manifest nor an index")
    if (has_index and found in MANIFESTS) or (has_manifest and found in INDEXES):
        raise InvalidArgument(f"{place}.mediaType: {shown(found)} is not what its properties make it")
    return found


def _artifact_type(value: dict[str, Any], place: str) -> str:
    found = text_of(value, "artifactType", place)
    if found and not is_media_type(found):
        raise InvalidArgument(f"{place}.artifactType: {shown(found)} is not a media type (RFC 6838)")
    return found


def _descriptor(value: dict[str, Any], key: str, place: str) -> Descriptor:
    return Descriptor.from_json(value.get(key), place=f"{place}.{key}")


def _descriptors(value: dict[str, Any], key: str, place: str) -> tuple[Descriptor, ...]:
    # Required, but Go writes an empty list as null.
    if key not in value:
        raise InvalidArgument(f"{place}.{key}: is missing")
    found = list_of(value, key, place)
    return tuple(Descriptor.from_json(one, place=f"{place}.{key}[{index}]") for index, one in enumerate(found))


def _manifests(value: dict[str, Any], place: str) -> tuple[Descriptor, ...]:
    found = _descriptors(value, "manifests", place)
    for index, one in enumerate(found):
        if one.platform is not None:
            where = f"{place}.manifests[{index}].platform"
            Platform.from_json(one.platform, place=where)
            texts_of(one.platform, "features", where)  # reserved: it says nothing yet
    return found


def _common_json(document: Manifest | Index) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if document.subject is not None:
        value["subject"] = document.subject.to_json()
    if document.annotations:
        value["annotations"] = dict(document.annotations)
    return value
