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

from orlop.errors import InvalidArgument, NotFound
from orlop.oci.index_selection import candidates, select_manifest
from orlop.oci.manifest import Index, Manifest
from orlop.oci.media_types import INDEXES, MANIFESTS
from orlop.oci.platform import rank

from .concurrency import in_thread
from .contract import Watcher
from .documents import NESTED_MAX, child_labels, is_there, read_document, read_image, runs_here
from .fetch import fetch, keep
from .layers import LayerWork
from .sources import add_labels, source_label
from .unpacking import Unpacked, unpack_image

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import NoReturn

    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest
    from orlop.oci.platform import Platform
    from orlop.oci.reference import Reference
    from orlop.registry.contract import Registry

    from .contract import Image, Stores
    from .layers import Unpack

    Verify = Callable[[str, Descriptor], Awaitable[object]]  # raises where it may not be used

_NOWHERE = Unpacked("", "")
_ALL_DOCUMENTS_MAX = 1024  # of an index whose images are all wanted: two for each platform are usual
_DOCUMENTS_MAX = 64  # of an index that leaves it to manifests for which platform they are


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """How to pull. Without `unpack` the layers are fetched only; without `verify` every image may be used."""

    host: Platform
    snapshotters: Sequence[str] = ()  # the first that can hold the image gets it
    unpack: Unpack | None = None
    verify: Verify | None = None
    all_platforms: bool = False  # have all that an index names; the host's image, where it has one, is unpacked
    at_once: int = 3
    watcher: Watcher = field(default_factory=Watcher)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What a pull made. `snapshotter` and `snapshot` are "" where nothing was unpacked, as of an artifact."""

    image: Image
    manifest: Descriptor
    snapshotter: str
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
        self._labels = source_label(reference.domain, reference.path)
        self._name = str(reference.canonical)
        self._documents_max = _ALL_DOCUMENTS_MAX if options.all_platforms else _DOCUMENTS_MAX
        self._documents_left = self._documents_max

    async def run(self) -> Pulled:
        target = await self._registry.resolve(self._reference.tag_or_digest)
        if target.media_type not in INDEXES | MANIFESTS:
            raise InvalidArgument(f'{self._name}: media type "{target.media_type}" is neither an image nor an index')
        if self._options.verify is not None:
            await self._options.verify(self._name, target)
        if self._options.all_platforms:
            return await self._everything(target)
        path = await self._path((target,)) or await self._none(target)
        return await self._one(target, path)

    async def _one(self, target: Descriptor, path: Sequence[Descriptor]) -> Pulled:
        manifest = await self._manifest(path[-1])
        unpacked = await (self._image if manifest.is_image else self._artifact)(path[-1], manifest)
        for parent, child in pairwise(path):
            await self._hold(parent, [child])
        image = await in_thread(self._stores.images.put, self._name, target)
        return Pulled(
            image=image,
            manifest=path[-1],
            snapshotter=unpacked.snapshotter,
            snapshot=unpacked.snapshot,
            is_image=manifest.is_image,
        )

    async def _everything(self, target: Descriptor) -> Pulled:
        """Have all that the target names, then do what is done with the host's image, where there is one."""
        path = await self._path((target,))
        if path == (target,):  # no index, which nobody has to be the host's image here
            document = await self._document(target)
            path = path if isinstance(document, Manifest) and await self._is_for_host(target, document) else None
        await self._fetch_below(target, {path[-1].digest} if path else set(), NESTED_MAX)
        if path is not None:
            return await self._one(target, path)
        image = await in_thread(self._stores.images.put, self._name, target)
        return Pulled(image=image, manifest=target, snapshotter="", snapshot="", is_image=False)

    async def _fetch_below(self, descriptor: Descriptor, done: set[Digest], depth: int) -> None:
        """Have a document and all that it names, and let it hold that; each document once, and none that is `done`."""
        if descriptor.digest in done:
            return
        done.add(descriptor.digest)
        document = await self._document(descriptor)
        if isinstance(document, Index) and depth < 0:
            raise InvalidArgument(f"{self._name}: indexes are nested more than {NESTED_MAX} deep")
        blobs = []
        for child in document.children:
            if isinstance(document, Index) and child.media_type in INDEXES | MANIFESTS:
                await self._fetch_below(child, done, depth - 1)
            else:
                blobs.append(child)
        if blobs:
            self._options.watcher.planned(list({blob.digest: blob for blob in blobs}.values()))
            await self._layer_work().fetch_all(blobs)
        await self._hold(descriptor, list(document.children))

    async def _path(self, path: tuple[Descriptor, ...]) -> tuple[Descriptor, ...] | None:
        """The way from an index to the manifest of the host's image; None where there is none.

        A manifest that is no index's is taken as it is: whether it is the host's, `_image` finds out.
        """
        document = await self._document(path[-1])
        if isinstance(document, Manifest):
            is_chosen = len(path) == 1 or path[-1].platform is not None
            return path if is_chosen or await self._is_for_host(path[-1], document) else None
        if len(path) > NESTED_MAX:
            raise InvalidArgument(f"{self._name}: indexes are nested more than {NESTED_MAX} deep")
        for one in candidates(document, self._options.host):
            found = await self._path((*path, one))
            if found is not None:
                return found
        return None

    async def _none(self, target: Descriptor) -> NoReturn:
        document = await self._document(target)
        if isinstance(document, Index):
            select_manifest(document, self._options.host, place=self._name)
        raise NotFound(f"{self._name}: there is no image for {self._options.host} in its indexes")

    async def _is_for_host(self, descriptor: Descriptor, manifest: Manifest) -> bool:
        """What an index does not say of a manifest, its configuration does."""
        if not manifest.is_image:
            return False
        await fetch(self._content, self._registry, manifest.config, watcher=Watcher(), labels=self._labels)
        return await in_thread(runs_here, self._content, descriptor, self._options.host)

    async def _document(self, descriptor: Descriptor) -> Manifest | Index:
        if await in_thread(is_there, self._content, descriptor.digest):
            await in_thread(add_labels, self._content, descriptor.digest, self._labels)
        else:
            self._documents_left -= 1
            if self._documents_left < 0:
                raise InvalidArgument(f"{self._name}: more manifests than a pull may fetch ({self._documents_max})")
            await keep(self._content, descriptor, await self._registry.fetch_manifest(descriptor), self._labels)
        return await in_thread(read_document, self._content, descriptor)

    async def _manifest(self, descriptor: Descriptor) -> Manifest:
        document = await in_thread(read_document, self._content, descriptor)
        if isinstance(document, Index):
            raise InvalidArgument(f"{self._name}: {descriptor.digest} is an index")
        return document

    async def _image(self, descriptor: Descriptor, manifest: Manifest) -> Unpacked:
        """Have the image, and the snapshot of its layers where they are unpacked."""
        options = self._options
        self._plan(manifest)
        work = self._layer_work()
        await work.fetch_all([manifest.config])
        chosen = await in_thread(read_image, self._content, descriptor, name=self._name)
        if descriptor.platform is None and rank(chosen.config.platform, options.host) is None:
            raise NotFound(
                f"{self._name}: is for {chosen.config.platform}, not for {options.host}",
                hint=f"use --platform {chosen.config.platform} if that is what you want",
            )
        unpacked = _NOWHERE
        if options.unpack is None:
            await work.fetch_all(manifest.layers)
        else:
            unpacked = await unpack_image(
                work, chosen, self._stores, options.snapshotters, options.unpack, lease_id=self._lease_id
            )
        await self._hold(descriptor, list(manifest.children))
        return unpacked

    async def _artifact(self, descriptor: Descriptor, manifest: Manifest) -> Unpacked:
        """Have an artifact: all its blobs, as nobody here knows what they are."""
        self._plan(manifest)
        await self._layer_work().fetch_all(manifest.children)
        await self._hold(descriptor, list(manifest.children))
        return _NOWHERE

    def _plan(self, manifest: Manifest) -> None:
        """Tell what will be fetched: each blob once, also where an image has one layer twice."""
        self._options.watcher.planned(list({blob.digest: blob for blob in manifest.children}.values()))

    def _layer_work(self) -> LayerWork:
        options = self._options
        return LayerWork(
            self._content, self._registry, watcher=options.watcher, at_once=options.at_once, labels=self._labels
        )

    async def _hold(self, descriptor: Descriptor, children: list[Descriptor]) -> None:
        document = await in_thread(read_document, self._content, descriptor)
        await in_thread(self._content.update_labels, descriptor.digest, child_labels(document, children))
