"""The document of a docker-archive, `manifest.json`: configurations, layers and names by paths in the archive."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument
from orlop.oci.descriptor import Descriptor
from orlop.oci.image_json import MANIFEST_MAX_BYTES, decode_object
from orlop.oci.manifest import Manifest
from orlop.oci.media_types import DOCKER_CONFIG, DOCKER_LAYER, DOCKER_LAYER_GZIP, DOCKER_LAYER_ZSTD, DOCKER_MANIFEST
from orlop.oci.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.oci.digest import Digest

MANIFEST_FILE = "manifest.json"
REPOSITORIES_FILE = "repositories"

_LAYER_TYPES = {"none": DOCKER_LAYER, "gzip": DOCKER_LAYER_GZIP, "zstd": DOCKER_LAYER_ZSTD}


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerImage:
    """One image of an archive; paths are relative to the archive's root. `names` are full references."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file of an archive that has become a blob."""

    digest: Digest
    size: int
    compression: str


def parse_docker_manifest(data: bytes, *, place: str = MANIFEST_FILE) -> list[DockerImage]:
    """The images that `manifest.json` names.

    Raises:
        InvalidArgument: it is malformed, or a name in it is none.
    """
    # The same strict reading as of other documents, which are objects where this is a list.
    wrapped = decode_object(b'{"images":' + data + b"}", place=place, max_bytes=MANIFEST_MAX_BYTES)
    value = wrapped["images"]
    if not isinstance(value, list) or not value or len(wrapped) > 1:
        raise InvalidArgument(f"{place}: must be a list of images")
    return [_image(one, f"{place}[{index}]") for index, one in enumerate(value)]


def _image(value: Any, place: str) -> DockerImage:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{place}: must be an object")
    names = _texts(value, "RepoTags", place)
    return DockerImage(
        config=_path(value.get("Config"), f"{place}.Config"),
        layers=tuple(
            _path(one, f"{place}.Layers[{index}]") for index, one in enumerate(_texts(value, "Layers", place))
        ),
        names=tuple(str(Reference.parse(name, place=f"{place}.RepoTags[{index}]")) for index, name in enumerate(names)),
    )


def _texts(value: dict[str, Any], key: str, place: str) -> list[str]:
    found = value.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InvalidArgument(f"{place}.{key}: must be a list of texts")
    return found


def _path(value: Any, place: str) -> str:
    """A path that is compared with those of the archive, and nowhere opened."""
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{place}: must be the path of a file in the archive")
    return posixpath.normpath(value)


def docker_manifest(config: StoredFile, layers: Sequence[StoredFile]) -> Manifest:
    """The manifest of schema 2 that such an image gets: a docker-archive has none."""
    return Manifest(
        media_type=DOCKER_MANIFEST,
        config=Descriptor(media_type=DOCKER_CONFIG, digest=config.digest, size=config.size),
        layers=tuple(
            Descriptor(media_type=_LAYER_TYPES[layer.compression], digest=layer.digest, size=layer.size)
            for layer in layers
        ),
    )


def encode_docker_manifest(images: Iterable[DockerImage]) -> bytes:
    """The content of `manifest.json`; names in full, for podman takes docker's short ones for its own (localhost/)."""
    value = [
        {
            "Config": image.config,
            "RepoTags": [name for name in image.names if Reference.parse(name).tag],
            "Layers": list(image.layers),
        }
        for image in images
    ]
    return json.dumps(value, separators=(",", ":")).encode()


def encode_repositories(images: Iterable[tuple[DockerImage, Digest]]) -> bytes:
    """The content of `repositories`, which readers before docker 1.10 want: the id of each tag's last layer."""
    found: dict[str, dict[str, str]] = {}
    for image, last in images:
        for name in image.names:
            reference = Reference.parse(name)
            if reference.tag:
                found.setdefault(reference.name, {})[reference.tag] = last.encoded
    return json.dumps(found, separators=(",", ":")).encode()
