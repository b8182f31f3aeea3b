"""Push: an image of the store to a registry, what it refers to first, so that the registry never has half of one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.errors import NotFound
from orlop.oci.image_json import MANIFEST_MAX_BYTES
from orlop.oci.manifest import Index, Manifest

from .concurrency import all_of
from .contract import DISTRIBUTION_SOURCE, Event, Step
from .documents import platform_manifests, read_document, read_small

if TYPE_CHECKING:
    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.platform import Platform
    from orlop.oci.reference import Reference
    from orlop.registry.contract import Registry

    from .contract import Watcher

_NESTED_MAX = 3


async def push(
    content: ContentStore,
    registry: Registry,
    target: Descriptor,
    reference: Reference,
    *,
    watcher: Watcher,
    at_once: int = 3,
    platform: Platform | None = None,
) -> Descriptor:
    """Store what `target` names in the reference's repository, under its tag; returns what the tag names there.

    With a platform, only its manifest is pushed. Without one, an index is pushed with all that it names.

    Raises:
        NotFound: a part is not in the store; nothing gets the tag then.
        PermissionDenied: the registry refuses.
    """
    if platform is not None:
        manifests = platform_manifests(content, target, platform)
        if not manifests:
            raise NotFound(f"{reference}: there is no image for {platform} in the store")
        target = manifests[0]
    documents, blobs = _parts(content, target, reference)
    watcher.planned(blobs)
    turn = asyncio.Semaphore(at_once)

    async def send(blob: Descriptor) -> None:
        async with turn:
            with content.open(blob.digest) as reader:
                was_sent = await registry.push_blob(
                    blob,
                    reader,
                    mount_from=_other_repository(content, blob, reference),
                    on_progress=lambda count: watcher.happened(Event(blob.digest, Step.MOVED, count)),
                )
            watcher.happened(Event(blob.digest, Step.TRANSFERRED if was_sent else Step.CACHED))

    await all_of(send(blob) for blob in blobs)
    for document in documents[:-1]:
        await _push_document(content, registry, document, "")
    return await _push_document(content, registry, target, reference.tag)


def _parts(
    content: ContentStore, target: Descriptor, reference: Reference
) -> tuple[list[Descriptor], list[Descriptor]]:
    """Manifests and indexes, children first and `target` last; and every blob once."""
    documents: dict[str, Descriptor] = {}
    blobs: dict[str, Descriptor] = {}

    def visit(descriptor: Descriptor, depth: int) -> None:
        try:
            document = read_document(content, descriptor)
        except NotFound as err:
            raise NotFound(
                f"{reference}: {descriptor.digest} is not in the store; pull all platforms, or push one with --platform"
            ) from err
        if isinstance(document, Index) and depth < _NESTED_MAX:
            for child in document.manifests:
                visit(child, depth + 1)
        elif isinstance(document, Manifest):
            for child in document.children:
                content.info(child.digest)
                blobs.setdefault(str(child.digest), child)
        documents.setdefault(str(descriptor.digest), descriptor)

    visit(target, 0)
    return list(documents.values()), list(blobs.values())


def _other_repository(content: ContentStore, blob: Descriptor, reference: Reference) -> str:
    """Another repository of the same registry that has the blob, as its labels say; "" where none is known."""
    known = content.info(blob.digest).labels.get(f"{DISTRIBUTION_SOURCE}.{reference.domain}", "")
    return next((one for one in known.split(",") if one and one != reference.path), "")


async def _push_document(content: ContentStore, registry: Registry, document: Descriptor, tag: str) -> Descriptor:
    data = read_small(content, document, MANIFEST_MAX_BYTES)
    return await registry.push_manifest(data, document.media_type, tag=tag)
