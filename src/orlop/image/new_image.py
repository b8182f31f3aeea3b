"""Images that are made here: a layer written into the content store, a configuration, a manifest over both.

The caller holds a lease: until the manifest has a name, nothing else keeps the blobs.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orlop.archive.gzip_writer import GzipWriter
from orlop.errors import AlreadyExists, NotFound
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.manifest import Manifest, encode_manifest
from orlop.oci.media_types import OCI_CONFIG, OCI_LAYER_GZIP

from .contract import UNCOMPRESSED
from .documents import child_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orlop.content.contract import ContentStore, Ingest
    from orlop.oci.platform import Platform

    Write = Callable[[bytes | memoryview], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLayer:
    """A layer in the store, and the digest of its uncompressed archive."""

    blob: Descriptor
    diff_id: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConfig:
    """What an image's configuration says of containers (config.md, `config`); what is empty is left out."""

    user: str = ""
    env: Sequence[str] = ()
    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    working_dir: str = ""
    exposed_ports: Sequence[str] = ()
    volumes: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""

    def to_json(self) -> dict[str, Any]:
        """The object."""
        value: dict[str, Any] = {
            "User": self.user,
            "ExposedPorts": {port: {} for port in self.exposed_ports},
            "Env": list(self.env),
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "Volumes": {path: {} for path in self.volumes},
            "WorkingDir": self.working_dir,
            "Labels": dict(self.labels),
            "StopSignal": self.stop_signal,
        }
        return {key: found for key, found in value.items() if found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an image comes from. `created` is RFC 3339 time; without it the same content gives the same image."""

    platform: Platform
    created_by: str
    created: str = ""
    author: str = ""
    comment: str = ""


def without_level(host: Platform) -> Platform:
    """The platform of an image whose programs the host has: distributions build them for every amd64, not its level."""
    return replace(host, variant="") if host.architecture == "amd64" else host


def write_layer(content: ContentStore, fill: Callable[[Write], None]) -> NewLayer:
    """A gzip'd layer of what `fill` writes: it is called with a function that takes the archive's bytes.

    Raises:
        KernelError: the store cannot take it; nothing of it stays.
    """
    with new_ingest(content) as ingest:
        hasher = hashlib.sha256()
        compressor = GzipWriter(ingest.write)

        def write(data: bytes | memoryview) -> None:
            hasher.update(data)
            compressor.write(data)

        fill(write)
        compressor.close()
        return commit_layer(content, ingest, Digest("sha256", hasher.hexdigest()), OCI_LAYER_GZIP)


@contextmanager
def new_ingest(content: ContentStore) -> Iterator[Ingest]:
    """An ingest of content whose digest is not known yet. Left without a commit, it is thrown away."""
    ingest = content.begin(f"new-{uuid.uuid4().hex}")
    try:
        yield ingest
    finally:
        ingest.close()
        with suppress(NotFound):  # it was committed
            content.abort(ingest.ref)


def commit_layer(content: ContentStore, ingest: Ingest, diff_id: Digest, media_type: str) -> NewLayer:
    """End the ingest of a layer; its blob says what its diff id is."""
    size = ingest.offset
    digest = ingest.commit(labels={UNCOMPRESSED: str(diff_id)})
    add_labels(content, digest, {UNCOMPRESSED: str(diff_id)})
    return NewLayer(blob=Descriptor(media_type=media_type, digest=digest, size=size), diff_id=diff_id)


def write_image(content: ContentStore, layers: Sequence[NewLayer], config: NewConfig, origin: Origin) -> Descriptor:
    """An OCI image of the layers, the lowest first. Returns its manifest's descriptor.

    Raises:
        KernelError: the store cannot take it.
    """
    data = _config(layers, config, origin)
    config_blob = Descriptor(media_type=OCI_CONFIG, digest=put_blob(content, data), size=len(data))
    manifest = Manifest(config=config_blob, layers=tuple(layer.blob for layer in layers))
    return put_manifest(content, manifest)


def put_manifest(content: ContentStore, manifest: Manifest) -> Descriptor:
    """Store a manifest that holds what it refers to."""
    data = encode_manifest(manifest)
    labels = child_labels(manifest, list(manifest.children))
    return Descriptor(media_type=manifest.media_type, digest=put_blob(content, data, labels=labels), size=len(data))


def put_blob(content: ContentStore, data: bytes, *, labels: Mapping[str, str] | None = None) -> Digest:
    """Store bytes, or find that they are there; the labels are added in either case."""
    digest = Digest.of(data)
    with suppress(AlreadyExists), content.begin(f"put-{digest}", total=len(data), expected=digest) as ingest:
        ingest.truncate(0)  # of one that was cut off
        ingest.write(data)
        ingest.commit(labels=labels)
    add_labels(content, digest, labels or {})
    return digest


def add_labels(content: ContentStore, digest: Digest, labels: Mapping[str, str]) -> None:
    """Set those labels that a blob does not have yet."""
    there = content.info(digest).labels
    if any(there.get(key) != value for key, value in labels.items()):
        content.update_labels(digest, dict(labels))


def _config(layers: Sequence[NewLayer], config: NewConfig, origin: Origin) -> bytes:
    """The configuration (config.md); every layer is one step of its history."""
    platform = origin.platform.to_json()
    step = {
        "created": origin.created,
        "author": origin.author,
        "created_by": origin.created_by,
        "comment": origin.comment,
    }
    value = {
        "created": origin.created,
        "author": origin.author,
        **platform,
        "config": config.to_json(),
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
        "history": [{key: text for key, text in step.items() if text} for _ in layers],
    }
    return json.dumps({key: found for key, found in value.items() if found}, separators=(",", ":")).encode()
