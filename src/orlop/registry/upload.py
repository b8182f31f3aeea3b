"""An upload session of a registry (spec.md, Pushing blobs): where it is, how far it is, and what it takes at once."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarl import URL

from .redirect import joined

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from orlop.content.contract import BlobReader
    from orlop.oci.digest import Digest

    from .host import Host

READ_BYTES = 1 << 20
_RANGE = re.compile(r"(?:bytes=)?(\d{1,19})-(\d{1,19})")


@dataclass(slots=True)
class Upload:
    """A session. `offset` is how many bytes the registry has."""

    location: URL
    offset: int = 0
    min_chunk_bytes: int = 0

    def move(self, host: Host, base: URL, headers: Mapping[str, str]) -> None:
        """Go on where an answer from `base` says.

        Raises:
            FailedPrecondition: its Location leads where we do not go.
        """
        if headers.get("Location"):
            self.location = joined(host, base, headers["Location"])
        minimum = headers.get("OCI-Chunk-Min-Length", "")
        if minimum.isascii() and minimum.isdigit():
            self.min_chunk_bytes = int(minimum[:19])

    def closing_url(self, digest: Digest) -> URL:
        """Where the session is closed: its own URL byte by byte, which may be signed, and the digest."""
        text = str(self.location)
        return URL(f"{text}{'&' if self.location.raw_query_string else '?'}digest={digest}", encoded=True)


def received_bytes(headers: Mapping[str, str]) -> int | None:
    """How many bytes a registry says it has, in Range; None where it does not say.

    The range is inclusive, so that `0-0` should be one byte; docker's registry says it of an empty session.
    """
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or int(match[1]) != 0:
        return None
    return int(match[2]) + 1 if int(match[2]) else 0


class SentBytes:
    """Tells how many more bytes have been sent, never the same ones twice, though they may be sent again."""

    def __init__(self, on_progress: Callable[[int], None] | None) -> None:
        self._on_progress = on_progress
        self._told = 0

    def reached(self, position: int) -> None:
        """All bytes before `position` have been sent."""
        if position > self._told:
            more, self._told = position - self._told, position
            if self._on_progress is not None:
                self._on_progress(more)


async def read_blob(content: BlobReader, start: int, end: int, sent: SentBytes) -> AsyncIterator[bytes]:
    """A part of a blob for the body of a request, read in a thread as the connection takes it."""
    position = start
    while position < end:
        data = await asyncio.to_thread(content.read_at, position, min(READ_BYTES, end - position))
        if not data:
            return  # the connection notices that the body is short
        yield data
        position += len(data)
        sent.reached(position)
