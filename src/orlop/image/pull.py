"""Pull: from a reference to an image in the store, its layers unpacked.

    lease -> resolve -> verifiers -> index -> manifest -> configuration -> layers, fetched and unpacked together
          -> labels that hold all of it -> the name -> lease ends

The name is the last thing that is made: until then the image is what it was, and what a pull that dies leaves behind
is held by its lease alone. The next pull of the same image goes on with what is complete, and with what is half
there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, InvalidArgument, NotFound
from orlop.oci.index_selection import select_manifest
from orlop.oci.manifest import Index
from orlop.oci.media_types import INDEXES, MANIFESTS
from orlop.oci.platform import rank

from .contract import DISTRIBUTION_SOURCE, GC_REF_SNAPSHOT, Watcher
from .documents import child_labels, read_document, read_image
from .fetch import fetch, ingest_ref
from .layers import LayerWork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.manifest import Manifest
    from orlop.oci.platform import Platform
    from orlop.oci.reference import Reference
    from orlop.registry.contract import Registry

    from .contract import Image, Stores
    from .documents import Chosen
    from .layers import Unpack

    Verify = Callable[[str, Descriptor], Awaitable[object]]  # raises where it may not be used

_NESTED_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """How to pull. Without `unpack` the layers are fetched only; without `verify` every image may be used."""

    host: Platform
    snapshotter: str = ""
    unpack: Unpack | None = None
    verify: Verify | None = None
    at_once: int = 3
    watcher: Watcher = field(default_factory=Watcher)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What a pull made. `snapshot` is "" where nothing was unpacked; `is_image` is false of an artifact."""

    image: Image
    manifest: Descriptor
    snapshot: str
    is_image: bool


async def pull(stores: Stores, registry: Registry, reference: Reference, options: PullOptions) -> Pulled:
    """Fetch and unpack an image, and give it its name.

    Raises:
        NotFound: the registry has no such image, or none for this platform.
        PermissionDenied: a verifier or the registry refuses it.
        FailedPrecondition: what came is not what was asked for.
    """
    with stores.lease(labels={"orlop/pull": str(reference)}) as lease:
        return await _Pull(stores, lease.id, registry, reference, options).run()


class _Pull:
    def __init__(
        self, stores: Stores, lease_id: str, registry: Registry, reference: Reference, options: PullOptions
    ) -> None:
        self._stores = stores
        self._lease_id = lease_id
        self._content: ContentStore = stores.content(lease_id=lease_id)
        self._registry = registry
        self._reference = reference
        self._options = options
        self._labels = {f"{DISTRIBUTION_SOURCE}.{reference.domain}": reference.path}

    async def run(self) -> Pulled:
        name = str(self._reference.canonical)
        target = await self._registry.resolve(self._reference.tag_or_digest)
        if target.media_type not in INDEXES | MANIFESTS:
            raise InvalidArgument(f'{name}: media type "{target.media_type}" is neither an image nor an index')
        if self._options.verify is not None:
            await self._options.verify(name, target)
        path = [target]
        document = await self._document(target)
        while isinstance(document, Index):
            if len(path) > _NESTED_MAX:
                raise InvalidArgument(f"{name}: indexes are nested more than {_NESTED_MAX} deep")
            path.append(select_manifest(document, self._options.host, place=name))
            document = await self._document(path[-1])
        have = self._image if document.is_image else self._artifact
        snapshot = await have(path[-1], document, name)
        for parent, child in pairwise(path):
            self._hold(parent, [child])
        image = self._stores.images.put(name, target)
        return Pulled(image=image, manifest=path[-1], snapshot=snapshot, is_image=document.is_image)

    async def _document(self, descriptor: Descriptor) -> Manifest | Index:
        if not _is_there(self._content, descriptor):
            data = await self._registry.fetch_manifest(descriptor)
            keep_document(self._content, descriptor, data, self._labels)
        return read_document(self._content, descriptor)

    async def _fetch(self, descriptor: Descriptor) -> None:
        await fetch(self._content, self._registry, descriptor, watcher=self._options.watcher, labels=self._labels)

    async def _image(self, descriptor: Descriptor, manifest: Manifest, name: str) -> str:
        """Have the image, and the snapshot of its layers where they are unpacked; returns the snapshot's name."""
        options = self._options
        options.watcher.planned([manifest.config, *manifest.layers])
        await self._fetch(manifest.config)
        chosen = read_image(self._content, descriptor, name=name)
        if rank(chosen.config.platform, options.host) is None:
            raise NotFound(
                f"{name}: is for {chosen.config.platform}, not for {options.host}",
                hint=f"use --platform {chosen.config.platform} if that is what you want",
            )
        work = LayerWork(
            self._content, self._registry, watcher=options.watcher, at_once=options.at_once, labels=self._labels
        )
        snapshot = ""
        if options.unpack is None:
            await work.fetch_all(chosen.layers)
        else:
            snapshotter = self._stores.snapshotter(options.snapshotter, lease_id=self._lease_id)
            snapshot = await work.unpack_all(chosen.layers, snapshotter, options.unpack)
            hold_snapshot(self._content, chosen, options.snapshotter)
        self._hold(descriptor, list(manifest.children))
        return snapshot

    async def _artifact(self, descriptor: Descriptor, manifest: Manifest, _name: str) -> str:
        """Have an artifact: all its blobs, as nobody here knows what they are."""
        self._options.watcher.planned(list(manifest.children))
        for child in manifest.children:
            await self._fetch(child)
        self._hold(descriptor, list(manifest.children))
        return ""

    def _hold(self, descriptor: Descriptor, children: list[Descriptor]) -> None:
        document = read_document(self._content, descriptor)
        self._content.update_labels(descriptor.digest, child_labels(document, children))


def hold_snapshot(content: ContentStore, chosen: Chosen, snapshotter: str) -> None:
    """Have the configuration hold the snapshot of all layers, as containerd does."""
    if chosen.snapshot:
        labels = {f"{GC_REF_SNAPSHOT}.{snapshotter}": chosen.snapshot}
        content.update_labels(chosen.manifest.config.digest, labels)


def _is_there(content: ContentStore, descriptor: Descriptor) -> bool:
    try:
        content.info(descriptor.digest)
    except NotFound:
        return False
    return True


def keep_document(content: ContentStore, descriptor: Descriptor, data: bytes, labels: Mapping[str, str]) -> None:
    """Put a document into the store that has been verified on its way."""
    try:
        ingest = content.begin(ingest_ref(descriptor), total=descriptor.size, expected=descriptor.digest)
    except AlreadyExists:
        return
    with ingest:
        ingest.truncate()
        ingest.write(data)
        ingest.commit(size=descriptor.size, expected=descriptor.digest, labels=labels)
