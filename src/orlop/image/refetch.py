"""Blobs that were lost, fetched again from where their labels say that they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import NotFound
from orlop.oci.descriptor import Descriptor

from .contract import DISTRIBUTION_SOURCE, Watcher
from .fetch import fetch
from .pull import keep_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.content.contract import BlobInfo, ContentStore
    from orlop.registry.contract import Registry

_UNKNOWN_TYPE = "application/octet-stream"


def sources(info: BlobInfo) -> list[tuple[str, str]]:
    """Domain and repository of each registry that had the blob, as its labels say."""
    found = []
    for key, value in info.labels.items():
        domain = key.removeprefix(f"{DISTRIBUTION_SOURCE}.")
        if domain != key:
            found += [(domain, repository) for repository in value.split(",") if repository]
    return found


async def refetch(content: ContentStore, info: BlobInfo, open_registry: Callable[[str, str], Registry]) -> None:
    """Have the blob in the store again; the record that says what it was is `info`.

    Raises:
        NotFound: no registry is known that had it, or none has it any more.
    """
    for domain, repository in sources(info):
        registry = open_registry(domain, repository)
        async with registry:
            try:
                await _fetch(content, registry, info)
            except NotFound:
                continue
            return
    raise NotFound(f"{info.digest}: no registry is known that has it", hint="pull or load its image again")


async def _fetch(content: ContentStore, registry: Registry, info: BlobInfo) -> None:
    descriptor = Descriptor(media_type=_UNKNOWN_TYPE, digest=info.digest, size=info.size)
    try:
        await fetch(content, registry, descriptor, watcher=Watcher(), labels=info.labels)
    except NotFound:  # manifests are no blobs to a registry
        found = await registry.resolve(str(info.digest))
        keep_document(content, found, await registry.fetch_manifest(found), info.labels)
