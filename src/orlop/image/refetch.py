"""Blobs that were lost, fetched again from where their labels say that they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import NotFound, OrlopError
from orlop.oci.descriptor import Descriptor

from .contract import Watcher
from .fetch import fetch, keep
from .sources import sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.content.contract import BlobInfo, ContentStore
    from orlop.registry.contract import Registry

_UNKNOWN_TYPE = "application/octet-stream"


async def refetch(content: ContentStore, info: BlobInfo, open_registry: Callable[[str, str], Registry]) -> None:
    """Have the blob in the store again; the record that says what it was is `info`.

    One registry after the other is asked. Where none gives it, the error is of the first that said more than that it
    has it not.

    Raises:
        NotFound: no registry is known that had it, or none has it any more.
    """
    failure: OrlopError | None = None
    for domain, repository in sources(info.labels):
        try:
            async with open_registry(domain, repository) as registry:
                await _fetch(content, registry, info)
        except NotFound:
            continue
        except OrlopError as err:
            failure = failure or err
        else:
            return
    if failure is not None:
        raise failure
    raise NotFound(f"{info.digest}: no registry is known that has it", hint="pull or load its image again")


async def _fetch(content: ContentStore, registry: Registry, info: BlobInfo) -> None:
    descriptor = Descriptor(media_type=_UNKNOWN_TYPE, digest=info.digest, size=info.size)
    try:
        await fetch(content, registry, descriptor, watcher=Watcher(), labels=info.labels)
    except NotFound:  # manifests are no blobs to a registry
        found = await registry.resolve(str(info.digest))
        await keep(content, found, await registry.fetch_manifest(found), info.labels)
