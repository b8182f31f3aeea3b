"""Push: an image of the store to a registry, what it refers to first, so that the registry never has half of one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotFound
from orlop.oci.image_json import MANIFEST_MAX_BYTES
from orlop.oci.manifest import Index
from orlop.oci.media_types import INDEXES, MANIFESTS

from .concurrency import all_of, in_thread, opened_in_thread
from .contract import Event, Step
from .documents import NESTED_MAX, is_there, platform_manifest, read_document, read_small
from .sources import repositories

if TYPE_CHECKING:
    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest
    from orlop.oci.platform import Platform
    from orlop.oci.reference import Reference
    from orlop.registry.contract import Registry

    from .contract import Watcher


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

    With a platform, only its manifest is pushed. Without one, an index is pushed with all that it names. Layers that
    are not for distribution are left out where the store does not have them.

    Raises:
        InvalidArgument: the reference has another digest; indexes are nested too deep.
        NotFound: a part, or the platform's image, is not in the store; nothing gets the tag then.
        PermissionDenied: the registry refuses.
    """
    if platform is not None:
        target = await in_thread(_for_platform, content, target, platform, reference)
    if reference.digest not in {None, target.digest}:
        raise InvalidArgument(f"{reference}: what would be pushed is {target.digest}", hint="leave the digest away")
    documents, blobs = await in_thread(_parts, content, target, reference)
    watcher.planned(blobs)
    turn = asyncio.Semaphore(at_once)

    async def send(blob: Descriptor) -> None:
        async with turn:
            mount_from = await in_thread(_other_repository, content, blob, reference)
            with await opened_in_thread(content.open, blob.digest) as reader:
                was_sent = await registry.push_blob(
                    blob,
                    reader,
                    mount_from=mount_from,
                    on_progress=lambda count: watcher.happened(Event(blob.digest, Step.MOVED, count)),
                )
            watcher.happened(Event(blob.digest, Step.TRANSFERRED if was_sent else Step.CACHED))

    await all_of(send(blob) for blob in blobs)
    for document in documents[:-1]:
        await _push_document(content, registry, document, "")
    return await _push_document(content, registry, target, reference.tag)


def _for_platform(content: ContentStore, target: Descriptor, platform: Platform, reference: Reference) -> Descriptor:
    return platform_manifest(content, target, platform, name=str(reference))


def _parts(
    content: ContentStore, target: Descriptor, reference: Reference
) -> tuple[list[Descriptor], list[Descriptor]]:
    """Manifests and indexes, children first and `target` last; and every blob once."""
    documents: dict[Digest, Descriptor] = {}
    blobs: dict[Digest, Descriptor] = {}

    def visit(descriptor: Descriptor, depth: int) -> None:
        if descriptor.digest in documents:  # an index may name one thing thousands of times
            return
        try:
            document = read_document(content, descriptor)
        except NotFound as err:
            raise NotFound(
                f"{reference}: {descriptor.digest} is not in the store",
                hint="pull --all-platforms, or push one with --platform",
            ) from err
        if isinstance(document, Index) and depth == NESTED_MAX:
            raise InvalidArgument(f"{reference}: indexes are nested more than {NESTED_MAX} deep")
        for child in document.children:
            if isinstance(document, Index) and child.media_type in INDEXES | MANIFESTS:
                visit(child, depth + 1)
            elif is_there(content, child.digest):
                blobs.setdefault(child.digest, child)
            elif not child.urls:
                raise NotFound(f"{reference}: {child.digest} is not in the store", hint="pull or load the image again")
        documents[descriptor.digest] = descriptor

    visit(target, 0)
    return list(documents.values()), list(blobs.values())


def _other_repository(content: ContentStore, blob: Descriptor, reference: Reference) -> str:
    """Another repository of the same registry that has the blob, as its labels say; "" where none is known."""
    known = repositories(content.info(blob.digest).labels, reference.domain)
    return next((one for one in known if one != reference.path), "")


async def _push_document(content: ContentStore, registry: Registry, document: Descriptor, tag: str) -> Descriptor:
    data = await in_thread(read_small, content, document, MANIFEST_MAX_BYTES)
    return await registry.push_manifest(data, document.media_type, tag=tag)
