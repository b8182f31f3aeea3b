r"""Spans of one blob, from one host after the other: a cut is resumed where it was, a host that fails is given up.

span [start, end) --GET Range--> 206 from `position`   -> bytes
                             \-> 200, the whole blob   -> what lies before `position` is dropped
cut                           -> wait, ask again from `position` on; little progress counts as a failure
refused, contradictory, failed too often -> the next host, for all spans of this blob
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

from .errors import CONNECTION_ERRORS, connection_failure, together
from .manifest_content import announced_digest
from .printable import printable
from .repository import NEXT_HOST
from .transport import refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import aiohttp
    from yarl import URL

    from orlop.errors import OrlopError
    from orlop.oci.descriptor import Descriptor

    from .blob_hosts import BlobHosts
    from .host import Host
    from .repository import Repository

CHUNK_BYTES = 256 << 10  # pieces are gathered up to this: what is done once per chunk, by anyone, is done less often
# A connection that brings less than this counts as failed: a server cannot feed us one byte per connection for ever.
_PROGRESS_BYTES = 64 << 10
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


class RangesIgnored(Exception):  # noqa: N818 -- a fact about a server, no error
    """The host answers with the whole blob where a part was asked for."""


@dataclass(slots=True)
class Span:
    """A part of the blob, and how far it has come. An elastic one grows to the blob's end where ranges are ignored."""

    position: int
    end: int
    is_elastic: bool = False


class BlobSource:
    """One blob. Spans may be read side by side."""

    def __init__(self, repository: Repository, descriptor: Descriptor, hosts: BlobHosts) -> None:
        self._repository = repository
        self._descriptor = descriptor
        self._known = hosts
        self._hosts = list(hosts.hosts)
        self._errors = list(hosts.errors)
        hosts.begin()

    async def read(self, span: Span) -> AsyncGenerator[bytes, None]:
        """The span's bytes, all of them, in order; its `position` moves along.

        Raises:
            RangesIgnored: the span is not elastic, and the host knows no ranges.
            FailedPrecondition: a length or digest is wrong; there are fewer or more bytes than there should be.
            NotFound, PermissionDenied, Unavailable: no host gives it.
        """
        failures = 0
        while True:
            host, start = self._hosts[0], span.position
            try:
                async with aclosing(self._answer(host, span)) as chunks:
                    async for chunk in chunks:
                        span.position += len(chunk)
                        self._known.sent(host)
                        yield chunk
                if span.position >= span.end:
                    return
                error: OrlopError = self._short(host, span)
            except CONNECTION_ERRORS as cut:
                error = connection_failure(cut, self._url(host), host.hosts_toml)
                error.__cause__ = cut
            except NEXT_HOST as refusal:
                self._give_up(host, refusal)
                failures = 0
                continue
            failures = 1 if span.position - start >= _PROGRESS_BYTES else failures + 1
            if failures >= self._repository.transport.policy.attempts:
                self._give_up(host, error)
                failures = 0
            else:
                await asyncio.sleep(self._repository.transport.policy.backoff_s(failures))

    def _give_up(self, host: Host, error: OrlopError) -> None:
        """Go on with the next host; where there is none, tell what all of them said."""
        if self._hosts[0] is not host:
            return  # another span has given it up meanwhile
        self._errors.append(error)
        if len(self._hosts) == 1:
            raise together(self._errors) from error.__cause__
        self._hosts = self._hosts[1:]

    async def _answer(self, host: Host, span: Span) -> AsyncGenerator[bytes, None]:
        size = self._descriptor.size
        headers = {}
        if span.position > 0 or span.end < size:
            headers["Range"] = f"bytes={span.position}-{span.end - 1}"
        attempts = 0 if len(self._hosts) == 1 else 2
        call = self._repository.read_call(
            host, "GET", f"blobs/{self._descriptor.digest}", headers=headers, attempts=attempts
        )
        async with self._repository.transport.exchange(call) as response:
            promised_end, skip = await self._check(host, response, span)
            async with aclosing(_chunks(response, skip)) as chunks:
                async for chunk in chunks:
                    if span.position + len(chunk) > promised_end:
                        raise FailedPrecondition(f"{self._place(host)}: sends more than {size} bytes")
                    yield chunk

    async def _check(self, host: Host, response: aiohttp.ClientResponse, span: Span) -> tuple[int, int]:
        """Where the body ends, and how much of its beginning is not wanted."""
        place = self._place(host)
        if response.status == 416:
            raise FailedPrecondition(f"{place}: has fewer bytes than {span.position + 1}, not {self._descriptor.size}")
        if response.status not in (200, 206):
            raise await refused(response, place=place)
        digest = announced_digest(response.headers.get("Docker-Content-Digest"), place)
        wanted = self._descriptor.digest
        if digest is not None and digest.algorithm == wanted.algorithm and digest != wanted:
            raise FailedPrecondition(f"{place}: announces another digest, {digest}")
        if response.status == 206:
            return self._range_end(response.headers.get("Content-Range", ""), span, place), 0
        length = response.content_length
        if length is not None and length != self._descriptor.size:
            raise FailedPrecondition(f"{place}: has {length} bytes, not {self._descriptor.size}")
        if span.end < self._descriptor.size:
            if not span.is_elastic:
                raise RangesIgnored
            span.end = self._descriptor.size
        return span.end, span.position

    def _range_end(self, text: str, span: Span, place: str) -> int:
        match = _CONTENT_RANGE.fullmatch(text)
        asked = f"{span.position}-{span.end - 1}/{self._descriptor.size}"
        if match is None:
            raise FailedPrecondition(f'{place}: Content-Range "{printable(text, limit=80)}" is not the range {asked}')
        first, last = int(match[1]), int(match[2])
        if first != span.position or not first <= last < span.end:
            raise FailedPrecondition(f"{place}: sends the range {first}-{last} where {asked} was asked for")
        if match[3] not in ("*", str(self._descriptor.size)):
            raise FailedPrecondition(f"{place}: has {match[3]} bytes, not {self._descriptor.size}")
        return last + 1

    def _short(self, host: Host, span: Span) -> FailedPrecondition:
        return FailedPrecondition(
            f"{self._place(host)}: ends after {span.position} bytes, where {self._descriptor.size} should be"
        )

    def _url(self, host: Host) -> URL:
        return host.url(self._repository.name, f"blobs/{self._descriptor.digest}")

    def _place(self, host: Host) -> str:
        return self._known.place(host)


async def _chunks(response: aiohttp.ClientResponse, skip: int) -> AsyncGenerator[bytes, None]:
    """The body in chunks of some size, without its first `skip` bytes. What came before a cut is given out first."""
    reader = response.content
    parts: list[bytes] = []
    length = 0
    try:
        while part := await reader.readany():
            if skip:
                dropped = min(skip, len(part))
                part, skip = part[dropped:], skip - dropped
            parts.append(part)
            length += len(part)
            if length >= CHUNK_BYTES:
                yield parts[0] if len(parts) == 1 else b"".join(parts)
                parts, length = [], 0
    except CONNECTION_ERRORS:
        if length:
            yield b"".join(parts)
        raise
    if length:
        yield b"".join(parts)
