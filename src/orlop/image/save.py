"""Images out of the content store into an archive that other tools load: `orlop save`.

Two forms. An OCI image layout has the blobs as they are, and docker's `manifest.json` beside, which points at the same
blobs (as containerd and docker since 25 write it): every reader finds one that it knows. A docker-archive has the
layers uncompressed, for readers that know nothing else.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.archive.contract import Limits
from orlop.archive.decompress import decompressed
from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.oci.manifest import Manifest
from orlop.oci.media_types import INDEXES, MANIFESTS
from orlop.oci.reference import Reference

from .docker_archive import (
    MANIFEST_FILE,
    REPOSITORIES_FILE,
    DockerImage,
    encode_docker_manifest,
    encode_repositories,
)
from .documents import choose, is_there, platform_manifest, read_document
from .layout import INDEX_FILE, LAYOUT_FILE, blob_path, index_bytes, layout_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.content.contract import BlobReader, ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest
    from orlop.oci.platform import Platform

    from .documents import Chosen
    from .layers import Layer
    from .outlet import Outlet

    Named = tuple[str, Descriptor]

_CHUNK = 1 << 20


def save_layout(
    content: ContentStore,
    images: Sequence[Named],
    outlet: Outlet,
    *,
    host: Platform,
    platforms: Sequence[Platform] = (),
) -> None:
    """Write images as an OCI image layout; each is a full name, or "", and what it stands for.

    Of an index goes what is in the store, or the images of `platforms`: of one platform, that image alone, without
    the index. `host` chooses the image that `manifest.json` offers to readers who know one platform only.

    Raises:
        NotFound: a part of an image is not in the store, or it has no image for one of the platforms.
        FailedPrecondition, KernelError: the content cannot be read, or not be written.
    """
    chosen = []
    for name, target in images:
        alone, only = _chosen(content, name, target, platforms)
        chosen.append((_name_of(name, alone), alone, only))
    blobs: dict[Digest, Descriptor] = {}
    for name, target, only in chosen:
        _collect(content, target, only, blobs, name or str(target.digest))
    _add(outlet, LAYOUT_FILE, layout_bytes())
    for blob in blobs.values():
        with content.open(blob.digest) as reader:
            outlet.add(blob_path(blob.digest), reader.size, _parts(reader))
    docker = _docker_images(content, [(name, target) for name, target, _ in chosen], host, blobs)
    if docker:
        _add(outlet, MANIFEST_FILE, encode_docker_manifest(docker))
    _add(outlet, INDEX_FILE, index_bytes((name, target) for name, target, _ in chosen))
    outlet.close()


def save_docker_archive(
    content: ContentStore,
    images: Sequence[Named],
    outlet: Outlet,
    *,
    platform: Platform,
    is_asked_for: bool = False,
) -> None:
    """Write images of one platform as a docker-archive. `is_asked_for`: the user named it, as for `choose`.

    Raises:
        NotFound: there is no image for the platform, or a part of it is not in the store.
        InvalidArgument: it is an artifact; a layer is damaged, or not of the diff id that the configuration names.
        KernelError: the content cannot be read, or not be written.
    """
    names: dict[str, list[str]] = {}  # by configuration: names of one image stand in one entry
    chosen: dict[str, Chosen] = {}
    for name, target in images:
        image = choose(content, target, platform, name=name or str(target.digest), is_asked_for=is_asked_for)
        path = f"{image.manifest.config.digest.encoded}.json"
        chosen[path] = image
        names.setdefault(path, []).extend([name] if name else [])
    written: set[str] = set()
    documents: list[tuple[DockerImage, Digest]] = []
    for path, image in chosen.items():
        with content.open(image.manifest.config.digest) as reader:
            outlet.add(path, reader.size, _parts(reader))
        for layer in image.layers:
            if (layer_path := _layer_path(layer)) not in written:
                written.add(layer_path)
                outlet.add(layer_path, _raw_size(content, layer), _raw_parts(content, layer))
        layers = tuple(_layer_path(layer) for layer in image.layers)
        document = DockerImage(config=path, layers=layers, names=tuple(names[path]))
        documents.append((document, image.layers[-1].diff_id if image.layers else image.manifest.config.digest))
    _add(outlet, MANIFEST_FILE, encode_docker_manifest(document for document, _ in documents))
    _add(outlet, REPOSITORIES_FILE, encode_repositories(documents))
    outlet.close()


def _chosen(
    content: ContentStore, name: str, target: Descriptor, platforms: Sequence[Platform]
) -> tuple[Descriptor, set[Digest] | None]:
    """What the name stands for in the archive, and which manifests go with it; None: all that are in the store."""
    if not platforms:
        return target, None
    shown = name or str(target.digest)
    found = [platform_manifest(content, target, platform, name=shown) for platform in platforms]
    if len(found) == 1 or target.media_type not in INDEXES:
        return found[0], None
    return target, {descriptor.digest for descriptor in found}


def _name_of(name: str, target: Descriptor) -> str:
    """NAME@DIGEST of an index is not the name of one image of it: that has a digest of its own."""
    reference = Reference.parse(name) if name else None
    return str(reference.with_digest(target.digest)) if reference is not None and reference.digest else name


def _collect(
    content: ContentStore,
    target: Descriptor,
    only: set[Digest] | None,
    blobs: dict[Digest, Descriptor],
    name: str,
) -> None:
    """Add what the target is made of: of an index, the manifests in the store (or `only` some), and theirs."""
    document = read_document(content, target)
    blobs[target.digest] = target
    if isinstance(document, Manifest):
        for child in document.children:
            if not is_there(content, child.digest):
                if child.urls:  # not to be distributed: it is fetched from there
                    continue
                raise NotFound(f"{name}: its part {child.digest} is not in the store", hint="pull it again")
            blobs[child.digest] = child
        return
    for child in document.manifests:
        is_wanted = only is None or child.digest in only or child.media_type in INDEXES
        if is_wanted and child.digest not in blobs and is_there(content, child.digest):
            if child.media_type in INDEXES | MANIFESTS:
                _collect(content, child, only, blobs, name)
            else:
                blobs[child.digest] = child


def _docker_images(
    content: ContentStore, images: Sequence[Named], host: Platform, blobs: dict[Digest, Descriptor]
) -> list[DockerImage]:
    """What `manifest.json` says of them; artifacts and images for other platforms are not in it."""
    found: dict[Digest, DockerImage] = {}
    for name, target in images:
        with suppress(NotFound, InvalidArgument):
            image = choose(content, target, host, name=name)
            parts = [image.manifest.config.digest, *(layer.descriptor.digest for layer in image.layers)]
            if not all(digest in blobs for digest in parts):
                continue
            known = found.get(image.descriptor.digest)
            names = (known.names if known else ()) + ((name,) if name else ())
            config, *layers = map(blob_path, parts)
            found[image.descriptor.digest] = DockerImage(config=config, layers=tuple(layers), names=names)
    return list(found.values())


def _add(outlet: Outlet, path: str, data: bytes) -> None:
    outlet.add(path, len(data), [data])


def _parts(reader: BlobReader) -> Iterator[bytes]:
    offset = 0
    while part := reader.read_at(offset, _CHUNK):
        offset += len(part)
        yield part


def _layer_path(layer: Layer) -> str:
    return f"{layer.diff_id.encoded}.tar"


def _raw_size(content: ContentStore, layer: Layer) -> int:
    """The layer's uncompressed size, for the tar's header comes before its content; its diff id is verified with it."""
    hasher = layer.diff_id.hasher()
    size = 0
    for part in _raw_parts(content, layer):
        hasher.update(part)
        size += len(part)
    if hasher.hexdigest() != layer.diff_id.encoded:
        raise FailedPrecondition(
            f"layer {layer.descriptor.digest}: its diff id is {layer.diff_id.algorithm}:{hasher.hexdigest()}, "
            f"not {layer.diff_id} as the configuration says"
        )
    return size


def _raw_parts(content: ContentStore, layer: Layer) -> Iterator[bytes]:
    with content.open(layer.descriptor.digest) as reader:
        parts = _parts(reader)
        rest = memoryview(b"")

        def read(size: int) -> bytes:
            nonlocal rest
            if not rest:
                rest = memoryview(next(parts, b""))
            taken, rest = rest[:size], rest[size:]
            return bytes(taken)

        yield from decompressed(read, layer.compression, Limits())
