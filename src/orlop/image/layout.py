"""The files of an OCI image layout (image-layout.md), as every tool that saves or loads images names them."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument
from orlop.oci.digest import Digest
from orlop.oci.image_json import decode_object
from orlop.oci.manifest import Index, encode_manifest
from orlop.oci.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.oci.descriptor import Descriptor

LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
BLOBS = "blobs"

REF_NAME = "org.opencontainers.image.ref.name"  # the image specification's: mostly a tag alone
IMAGE_NAME = "io.containerd.image.name"  # the full name, which containerd, docker and podman read too

_VERSION = "1.0.0"
_LAYOUT_MAX_BYTES = 4096


def layout_bytes() -> bytes:
    """The content of `oci-layout`."""
    return json.dumps({"imageLayoutVersion": _VERSION}, separators=(",", ":")).encode()


def check_layout(data: bytes, *, place: str) -> None:
    """Refuse a layout of another version.

    Raises:
        InvalidArgument: the file is malformed, or of another version.
    """
    version = decode_object(data, place=place, max_bytes=_LAYOUT_MAX_BYTES).get("imageLayoutVersion")
    if version != _VERSION:
        raise InvalidArgument(f"{place}.imageLayoutVersion: must be {_VERSION}, not {version!r}")


def blob_path(digest: Digest) -> str:
    """Where a blob stands."""
    return f"{BLOBS}/{digest.algorithm}/{digest.encoded}"


def blob_digest(path: str) -> Digest | None:
    """Which blob stands at a path, or None: none whose digest can be verified."""
    parts = path.split("/")
    if len(parts) != 3 or parts[0] != BLOBS:
        return None
    with suppress(InvalidArgument):
        return Digest.parse(f"{parts[1]}:{parts[2]}")
    return None


def index_bytes(images: Iterable[tuple[str, Descriptor]]) -> bytes:
    """The content of `index.json`: names and what they stand for; "" for what has no name."""
    return encode_manifest(Index(manifests=tuple(_named(name, target) for name, target in images)))


def _named(name: str, target: Descriptor) -> Descriptor:
    annotations = {key: value for key, value in target.annotations.items() if key not in (REF_NAME, IMAGE_NAME)}
    if name:
        annotations |= {IMAGE_NAME: name, REF_NAME: Reference.parse(name).tag_or_digest}
    return replace(target, annotations=annotations)


def name_of(descriptor: Descriptor, *, base_name: str, place: str) -> str:
    """The image's full name, by the annotations of its descriptor in an index; "" where it has none.

    A tag alone is a name only with a `base_name`, such as `docker.io/library/busybox`.

    Raises:
        InvalidArgument: the name is none.
    """
    name = descriptor.annotations.get(IMAGE_NAME, "")
    if name:
        return str(Reference.parse(name, place=f'{place}.annotations["{IMAGE_NAME}"]'))
    tag = descriptor.annotations.get(REF_NAME, "")
    if not tag:
        return ""
    if "/" in tag or ":" in tag:
        return str(Reference.parse(tag, place=f'{place}.annotations["{REF_NAME}"]'))
    if not base_name:
        return ""
    return str(Reference.parse(base_name, place="base name").with_tag(tag))
