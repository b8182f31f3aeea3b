"""From a registry into the content store: one blob, resumed where an earlier try ended, and copied on its way."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orlop.errors import AlreadyExists, FailedPrecondition, Unavailable

from .concurrency import in_thread, opened_in_thread
from .contract import Event, Step
from .sources import add_labels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from orlop.content.contract import ContentStore, Ingest
    from orlop.oci.descriptor import Descriptor
    from orlop.registry.contract import Registry

    from .contract import Watcher

_STALLED_S = 120.0  # without progress: whoever writes the blob that we want hangs
_LOOK_AGAIN_S = 0.2


class Copy(Protocol):
    """Who gets the blob's bytes while they come: all of them from the first on, or none."""

    def begin(self) -> None:
        """The first byte is about to come."""

    def offer(self, data: memoryview) -> memoryview:
        """Take what can be taken without waiting; returns the rest. Called in a thread, one call at a time."""

    async def until_ready(self) -> None:
        """Wait until there is room for more."""

    def end(self) -> None:
        """That was the last byte."""


def ingest_ref(descriptor: Descriptor) -> str:
    """The name of a blob's ingest: the same for everyone who fetches it, so that it is fetched once and resumed.

    The size is a part of it: an image that lies about the size of another's layer does not get in that one's way.
    """
    return f"fetch-{descriptor.digest} {descriptor.size}"


async def fetch(
    content: ContentStore,
    registry: Registry,
    descriptor: Descriptor,
    *,
    watcher: Watcher,
    labels: Mapping[str, str] | None = None,
    copy: Copy | None = None,
) -> None:
    """Have a blob in the store, verified, with these labels.

    `copy` is begun only when the fetch begins at the first byte. Bytes of an earlier try that turn out to be wrong are
    fetched once more, and wrong bytes of one host from the next; the watcher hears of it as RESUMED with 0 bytes. After
    an error what has come is kept, unless it is wrong.

    Raises:
        WrongBytes: `copy` got what turned out to be wrong; another call asks another host.
        FailedPrecondition: all hosts of the registry send something else than the descriptor says.
        Unavailable: the registry cannot be reached, or another process that fetches the same blob hangs.
    """
    work = _Fetch(
        content=content, registry=registry, descriptor=descriptor, watcher=watcher, labels=labels or {}, copy=copy
    )
    is_second = False
    while True:
        try:
            return await work.attempt(is_second=is_second)
        except _WrongFromEarlierError:
            is_second = True
        except WrongBytes as err:
            failure = registry.reject_blob(descriptor, err.message)
            if failure is not None:
                raise failure from err.__cause__
            watcher.happened(Event(descriptor.digest, Step.RESUMED))
            if err.is_copied:
                raise
        except AlreadyExists:
            await in_thread(_check_and_label, content, descriptor, labels or {})
            return watcher.happened(Event(descriptor.digest, Step.CACHED))


async def keep(content: ContentStore, descriptor: Descriptor, data: bytes, labels: Mapping[str, str]) -> None:
    """Put a small blob into the store that has been fetched already; it is verified as any other.

    Raises:
        FailedPrecondition: the data are not what the descriptor says.
        Unavailable: another process that writes the same blob hangs.
    """

    def write(ingest: Ingest) -> None:
        ingest.truncate()
        ingest.write(data)
        ingest.commit(size=descriptor.size, expected=descriptor.digest, labels=labels)

    try:
        async with _begun(content, descriptor) as ingest:
            await in_thread(write, ingest)
    except AlreadyExists:
        await in_thread(_check_and_label, content, descriptor, labels)


class WrongBytes(FailedPrecondition):
    """A host sent something else than the blob. `is_copied` says whether the copy has had it."""

    is_copied = False


class _WrongFromEarlierError(Exception):
    """What an earlier try had left, or what came after it, is wrong, and thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetch:
    content: ContentStore
    registry: Registry
    descriptor: Descriptor
    watcher: Watcher
    labels: Mapping[str, str]
    copy: Copy | None

    async def attempt(self, *, is_second: bool) -> None:
        async with _begun(self.content, self.descriptor) as ingest:
            if is_second:
                await in_thread(ingest.truncate)
            is_resumed = ingest.offset > 0
            if is_resumed or is_second:
                self._tell(Step.RESUMED, ingest.offset)
            copy = None if is_resumed else self.copy
            try:
                await self._fill(ingest, copy)
                await self._commit(ingest)
            except FailedPrecondition as err:
                if is_resumed:  # a crash may have torn it, or another registry have sent it
                    raise _WrongFromEarlierError from err
                if isinstance(err, WrongBytes):
                    err.is_copied = copy is not None
                raise
        self._tell(Step.TRANSFERRED)

    async def _commit(self, ingest: Ingest) -> None:
        wanted = self.descriptor
        try:
            await in_thread(ingest.commit, size=wanted.size, expected=wanted.digest, labels=self.labels)
        except FailedPrecondition as err:
            raise WrongBytes(err.message) from err

    async def _fill(self, ingest: Ingest, copy: Copy | None) -> None:
        if copy:
            copy.begin()
        if ingest.offset < self.descriptor.size:  # else all was written before a crash; `commit` verifies it
            try:
                await self._move(ingest, copy)
            except FailedPrecondition:
                await in_thread(ingest.truncate)  # nobody shall resume it
                raise
        if copy:
            copy.end()

    async def _move(self, ingest: Ingest, copy: Copy | None) -> None:
        def take(data: bytes) -> memoryview:
            ingest.write(data)
            return copy.offer(memoryview(data)) if copy else memoryview(b"")

        async with aclosing(self.registry.fetch_blob(self.descriptor, offset=ingest.offset)) as chunks:
            async for chunk in chunks:
                # In a thread: hashing and writing release the interpreter, so the next chunk arrives meanwhile.
                rest = await in_thread(take, chunk)
                self._tell(Step.MOVED, len(chunk))
                while copy and rest:
                    await copy.until_ready()
                    rest = copy.offer(rest)

    def _tell(self, step: Step, amount: int = 0) -> None:
        self.watcher.happened(Event(self.descriptor.digest, step, amount))


@asynccontextmanager
async def _begun(content: ContentStore, descriptor: Descriptor) -> AsyncIterator[Ingest]:
    """The ingest for the length of the block, which closes it: that may wait for the disk."""
    ingest = await _begin(content, descriptor)
    try:
        yield ingest
    finally:
        await in_thread(ingest.close)


async def _begin(content: ContentStore, descriptor: Descriptor) -> Ingest:
    """The ingest; waits while somebody else is at it, as long as that one gets on."""
    ref, seen, since = ingest_ref(descriptor), -1, time.monotonic()
    while True:
        try:
            return await opened_in_thread(content.begin, ref, total=descriptor.size, expected=descriptor.digest)
        except Unavailable:
            offset = await in_thread(_offset, content, ref, seen)
            if offset != seen:
                seen, since = offset, time.monotonic()
            elif time.monotonic() - since > _STALLED_S:
                raise
        await asyncio.sleep(_LOOK_AGAIN_S)


def _offset(content: ContentStore, ref: str, otherwise: int) -> int:
    return next((one.offset for one in content.ingests() if one.ref == ref), otherwise)


def _check_and_label(content: ContentStore, descriptor: Descriptor, labels: Mapping[str, str]) -> None:
    size = content.info(descriptor.digest).size
    if size != descriptor.size:
        raise FailedPrecondition(f"blob {descriptor.digest}: has {size} bytes, not the {descriptor.size} of the image")
    add_labels(content, descriptor.digest, labels)
