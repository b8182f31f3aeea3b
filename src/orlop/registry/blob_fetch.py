"""One blob as a stream of chunks in order: over one connection where that is fast, in ranges side by side where not.

    small blob             one request
    large blob             the first 4 MiB, timed
      fast enough          one request for the rest: nothing costs less per byte
      slow                 a window of ranges of 1 MiB: head | ahead | ahead | ahead, given out in order

What is read ahead is bounded, per blob and for all blobs of a client together, so that memory is too.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .blob_source import BlobSource, RangesIgnored, Span

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from orlop.oci.descriptor import Descriptor

    from .blob_hosts import BlobHosts
    from .repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class RangePlan:
    """When a blob is fetched in ranges, and in which."""

    large_bytes: int = 8 << 20  # smaller ones come in one request
    probe_bytes: int = 4 << 20  # how much of a large one is timed
    slow_below_bytes_s: float = 32 << 20  # a rate over one connection below which several are better
    range_bytes: int = 1 << 20
    window: int = 4  # ranges of one blob at once
    ahead: int = 8  # ranges of all blobs that may be held, or on their way, beside those that are given out next


class ReadAhead:
    """How many ranges may be read ahead by all blobs of a client. Nobody waits for one: then a range is not ahead."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self) -> bool:
        """Whether one more range may be read ahead."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    def give(self) -> None:
        """It is read ahead no more."""
        self._free += 1


async def fetch_blob(
    repository: Repository,
    descriptor: Descriptor,
    hosts: BlobHosts,
    *,
    offset: int,
    plan: RangePlan,
    ahead: ReadAhead,
) -> AsyncGenerator[bytes, None]:
    """The blob's bytes from `offset` on, exactly as many as the descriptor says, of `hosts`.

    Raises:
        InvalidArgument: `offset` is not within the blob.
        FailedPrecondition, NotFound, PermissionDenied, Unavailable: as BlobSource.read.
    """
    if not 0 <= offset <= descriptor.size:
        raise InvalidArgument(f"blob {descriptor.digest}: has no offset {offset}, its size is {descriptor.size}")
    if descriptor.data is not None:
        yield descriptor.data[offset:]
        return
    if offset == descriptor.size > 0:
        return
    fetch = _Fetch(BlobSource(repository, descriptor, hosts), offset, descriptor.size, plan, ahead)
    async with aclosing(fetch.chunks()) as chunks:
        async for chunk in chunks:
            yield chunk


class _Fetch:
    def __init__(self, source: BlobSource, offset: int, size: int, plan: RangePlan, ahead: ReadAhead) -> None:
        self._source = source
        self._position = offset
        self._size = size
        self._plan = plan
        self._ahead = ahead
        self._is_slow = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        if self._size - self._position >= self._plan.large_bytes:
            async with aclosing(self._probe()) as chunks:
                async for chunk in chunks:
                    yield chunk
            if self._is_slow and self._position < self._size:
                async with aclosing(self._window()) as chunks:
                    async for chunk in chunks:
                        yield chunk
        if self._position < self._size or self._size == 0:
            async with aclosing(self._source.read(Span(self._position, self._size))) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _probe(self) -> AsyncGenerator[bytes, None]:
        """The first part, timed without what the caller does with it, and without the wait for the first byte."""
        span = Span(self._position, self._position + self._plan.probe_bytes, is_elastic=True)
        waited_s, timed, is_first = 0.0, 0, True
        async with aclosing(self._source.read(span)) as chunks:
            start = time.monotonic()
            async for chunk in chunks:
                if not is_first:
                    waited_s += time.monotonic() - start
                    timed += len(chunk)
                is_first = False
                self._position = span.position
                yield chunk
                start = time.monotonic()
        self._is_slow = timed < self._plan.slow_below_bytes_s * waited_s

    async def _window(self) -> AsyncGenerator[bytes, None]:
        """Ranges side by side. It ends early where the server turns out not to know ranges."""
        tasks: deque[asyncio.Task[list[bytes]]] = deque()
        taken = 0
        following = self._position
        try:
            while self._position < self._size:
                while following < self._size and len(tasks) < self._plan.window:
                    if tasks:
                        if not self._ahead.take():
                            break
                        taken += 1
                    end = min(following + self._plan.range_bytes, self._size)
                    tasks.append(asyncio.create_task(self._range(Span(following, end))))
                    following = end
                try:
                    chunks = await tasks[0]
                except RangesIgnored:
                    return
                tasks.popleft()
                if taken:  # the next one is now at the head
                    self._ahead.give()
                    taken -= 1
                for chunk in chunks:
                    self._position += len(chunk)
                    yield chunk
        finally:
            for _ in range(taken):
                self._ahead.give()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _range(self, span: Span) -> list[bytes]:
        async with aclosing(self._source.read(span)) as chunks:
            return [chunk async for chunk in chunks]
