"""Manifests, indexes and configurations in the content store: read, checked, and what they refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotFound
from orlop.oci.chain_id import chain_ids
from orlop.oci.image_config import ImageConfig
from orlop.oci.image_json import CONFIG_MAX_BYTES, MANIFEST_MAX_BYTES
from orlop.oci.index_selection import candidates
from orlop.oci.manifest import Index, Manifest, parse_manifest
from orlop.oci.media_types import CONFIGS
from orlop.oci.platform import Platform, rank

from .contract import GC_REF_CONTENT
from .layers import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

NESTED_MAX = 3  # indexes in indexes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The image of one platform: where its manifest is, and what it and its configuration say."""

    descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig

    @property
    def layers(self) -> list[Layer]:
        """Its layers, the lowest first."""
        pairs = zip(self.manifest.layers, self.config.diff_ids, chain_ids(self.config.diff_ids), strict=True)
        return [Layer(descriptor=blob, diff_id=diff_id, chain_id=chain) for blob, diff_id, chain in pairs]

    @property
    def snapshot(self) -> str:
        """The name of the snapshot of all its layers; "" where it has none."""
        chain = chain_ids(self.config.diff_ids)
        return str(chain[-1]) if chain else ""


def read_document(content: ContentStore, descriptor: Descriptor) -> Manifest | Index:
    """The manifest or index of a descriptor.

    Raises:
        NotFound: it is not in the store.
        InvalidArgument: it is none.
    """
    data = read_small(content, descriptor, MANIFEST_MAX_BYTES)
    return parse_manifest(data, media_type=descriptor.media_type, place=f"manifest {descriptor.digest}")


def read_small(content: ContentStore, descriptor: Descriptor, limit_bytes: int) -> bytes:
    """All of a blob that is known to be small.

    Raises:
        NotFound: it is not in the store.
        InvalidArgument: it is larger than the limit.
    """
    if descriptor.size > limit_bytes:
        raise InvalidArgument(f"{descriptor.digest}: {descriptor.size} bytes are too many; the limit is {limit_bytes}")
    with content.open(descriptor.digest) as blob:
        return blob.read_at(0, limit_bytes)


def is_there(content: ContentStore, digest: Digest) -> bool:
    """Whether the store has the blob."""
    try:
        content.info(digest)
    except NotFound:
        return False
    return True


def platform_manifests(content: ContentStore, target: Descriptor, host: Platform) -> list[Descriptor]:
    """The manifests that can be the host's image, best first; of a target that is a manifest, itself.

    Nested indexes that are in the store are looked into. What an index does not say for what it is, is the host's image
    if its configuration says so.

    Raises:
        InvalidArgument: indexes are nested too deep.
    """
    return list(_manifests(content, target, host, NESTED_MAX))


def _manifests(content: ContentStore, target: Descriptor, host: Platform, depth: int) -> Iterator[Descriptor]:
    document = read_document(content, target)
    if isinstance(document, Manifest):
        if depth == NESTED_MAX or target.platform is not None or runs_here(content, target, host):
            yield target
        return
    if depth == 0:
        raise InvalidArgument(f"index {target.digest}: is nested more than {NESTED_MAX} deep")
    for descriptor in candidates(document, host):
        try:
            yield from _manifests(content, descriptor, host, depth - 1)
        except NotFound:
            continue


def runs_here(content: ContentStore, descriptor: Descriptor, host: Platform) -> bool:
    """Whether the host runs the image, as its configuration says; it does not run an artifact.

    Raises:
        NotFound: manifest or configuration are not in the store.
    """
    document = read_document(content, descriptor)
    if not isinstance(document, Manifest) or not document.is_image:
        return False
    return rank(read_image(content, descriptor, name=str(descriptor.digest)).config.platform, host) is not None


def choose(
    content: ContentStore, target: Descriptor, host: Platform, *, name: str, is_asked_for: bool = False
) -> Chosen:
    """The host's image of what is in the store.

    `is_asked_for`: a user named the platform, and does not get the only image of a target for whatever platform it is.

    Raises:
        NotFound: the store has no image for this platform.
        InvalidArgument: it is an artifact, which has no root file system.
    """
    if is_asked_for:
        return read_image(content, platform_manifest(content, target, host, name=name), name=name)
    for descriptor in platform_manifests(content, target, host):
        return read_image(content, descriptor, name=name)
    raise NotFound(f"{name}: there is no image for {host} in the store", hint="pull it with --platform")


def platform_manifest(content: ContentStore, target: Descriptor, platform: Platform, *, name: str) -> Descriptor:
    """The manifest of the image for a platform that a user named; a target that is a manifest must be for it, too.

    Raises:
        NotFound: the store has none.
        InvalidArgument: it is an artifact, which is for no platform.
    """
    if isinstance(read_document(content, target), Manifest):
        config = read_image(content, target, name=name).config
        place = f"{name}: platform"
        found = Platform.from_json(target.platform, place=place) if target.platform is not None else config.platform
        if rank(found, platform) is None:
            raise NotFound(f"{name}: is for {found}, not for {platform}", hint="leave --platform away")
        return target
    for descriptor in platform_manifests(content, target, platform):
        return descriptor
    raise NotFound(f"{name}: there is no image for {platform} in the store", hint=f"pull --platform {platform}")


def read_image(content: ContentStore, descriptor: Descriptor, *, name: str) -> Chosen:
    """An image by its manifest's descriptor.

    Raises:
        NotFound: its manifest or configuration is not in the store.
        InvalidArgument: it is an artifact, or its parts contradict each other.
    """
    manifest = read_document(content, descriptor)
    if not isinstance(manifest, Manifest) or manifest.config.media_type not in CONFIGS:
        kind = manifest.kind if isinstance(manifest, Manifest) else manifest.media_type
        raise InvalidArgument(f"{name}: is an artifact of type {kind}, not an image")
    data = read_small(content, manifest.config, CONFIG_MAX_BYTES)
    config = ImageConfig.parse(data, layers=len(manifest.layers), place=f"image config {manifest.config.digest}")
    return Chosen(descriptor=descriptor, manifest=manifest, config=config)


def child_labels(document: Manifest | Index, present: Iterable[Descriptor]) -> Mapping[str, str]:
    """The labels by which a document holds those of its children that are in the store, as containerd names them."""
    labels: dict[str, str] = {}
    there = {one.digest for one in present}
    if isinstance(document, Index):
        for number, child in enumerate(document.manifests):
            if child.digest in there:
                labels[f"{GC_REF_CONTENT}.m.{number}"] = str(child.digest)
        return labels
    if document.config.digest in there:
        labels[f"{GC_REF_CONTENT}.config"] = str(document.config.digest)
    for number, layer in enumerate(document.layers):
        if layer.digest in there:
            labels[f"{GC_REF_CONTENT}.l.{number}"] = str(layer.digest)
    return labels
