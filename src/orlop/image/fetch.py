"""From a registry into the content store: one blob, resumed where an earlier try ended, and copied on its way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, FailedPrecondition, Unavailable

from .contract import Event, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.content.contract import ContentStore, Ingest
    from orlop.oci.descriptor import Descriptor
    from orlop.registry.contract import Registry

    from .contract import Watcher

_STALLED_S = 120.0  # without progress: whoever writes the blob that we want hangs
_LOOK_AGAIN_S = 0.2


def ingest_ref(descriptor: Descriptor) -> str:
    """The name of a blob's ingest: the same for everyone who fetches it, so that it is fetched once and resumed."""
    return f"fetch-{descriptor.digest}"


async def fetch(
    content: ContentStore,
    registry: Registry,
    descriptor: Descriptor,
    *,
    watcher: Watcher,
    labels: Mapping[str, str] | None = None,
    copy_fd: Callable[[], int] | None = None,
) -> bool:
    """Have a blob in the store, verified; returns whether all of it was copied on its way.

    `copy_fd` gives the file descriptor of a pipe to copy to. It is called only when the fetch begins at the first byte.
    A copy whose reader goes away (EPIPE) ends without an error here: the reader knows why it went.

    Raises:
        FailedPrecondition: the registry sends something else than the descriptor says.
        Unavailable: the registry cannot be reached, or another process that fetches the same blob hangs.
    """
    while True:
        try:
            ingest = await _begin(content, descriptor)
        except AlreadyExists:
            watcher.happened(Event(descriptor.digest, Step.CACHED))
            return False
        is_resumed = ingest.offset > 0
        if is_resumed:
            watcher.happened(Event(descriptor.digest, Step.RESUMED, ingest.offset))
        with ingest:
            copy = _Copy(-1 if is_resumed or copy_fd is None else copy_fd())
            try:
                await _fill(ingest, registry, descriptor, watcher, copy)
                commit_labels = dict(labels or {})
                await asyncio.to_thread(
                    ingest.commit, size=descriptor.size, expected=descriptor.digest, labels=commit_labels
                )
            except FailedPrecondition:
                if not is_resumed:
                    raise
                # What was resumed may have been torn by a crash: once more, from its first byte.
                with contextlib.suppress(Exception):
                    content.abort(ingest.ref)
                watcher.happened(Event(descriptor.digest, Step.RESUMED, 0))
                continue
        watcher.happened(Event(descriptor.digest, Step.TRANSFERRED))
        return copy.is_whole


async def _begin(content: ContentStore, descriptor: Descriptor) -> Ingest:
    """The ingest; waits while somebody else is at it, as long as that one gets on."""
    ref, seen, since = ingest_ref(descriptor), -1, time.monotonic()
    while True:
        try:
            return await asyncio.to_thread(content.begin, ref, total=descriptor.size, expected=descriptor.digest)
        except Unavailable:
            offset = next((one.offset for one in content.ingests() if one.ref == ref), seen)
            if offset != seen:
                seen, since = offset, time.monotonic()
            elif time.monotonic() - since > _STALLED_S:
                raise
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _fill(ingest: Ingest, registry: Registry, descriptor: Descriptor, watcher: Watcher, copy: _Copy) -> None:
    if ingest.offset >= descriptor.size:
        return  # the whole of it was written before a crash; `commit` verifies it

    def take(data: bytes) -> None:
        ingest.write(data)
        copy.write(data)

    async for chunk in registry.fetch_blob(descriptor, offset=ingest.offset):
        # In a thread: hashing and writing release the interpreter, so the next chunk arrives meanwhile.
        await asyncio.to_thread(take, chunk)
        watcher.happened(Event(descriptor.digest, Step.MOVED, len(chunk)))


class _Copy:
    """The blob's bytes on their way to the unpacker, if there is one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.is_whole = fd >= 0

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left and self.is_whole:
            try:
                left = left[os.write(self._fd, left) :]
            except BrokenPipeError:
                self.is_whole = False
