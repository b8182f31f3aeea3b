"""Bodies that are read whole, because they are small: never more than a limit, whatever the headers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

from .printable import printable_url

if TYPE_CHECKING:
    import aiohttp


async def read_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body of an answer, at most `limit` bytes.

    Raises:
        FailedPrecondition: it is larger.
        aiohttp.ClientError, TimeoutError, OSError: it ends too early.
    """
    parts: list[bytes] = []
    length = 0
    async for part in response.content.iter_any():
        length += len(part)
        if length > limit:
            raise FailedPrecondition(f"{printable_url(response.url)}: the answer is larger than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


async def read_start(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The first bytes of a body: enough to tell what a registry says."""
    parts: list[bytes] = []
    length = 0
    async for part in response.content.iter_any():
        parts.append(part)
        length += len(part)
        if length >= limit:
            break
    return b"".join(parts)[:limit]
