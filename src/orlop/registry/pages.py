"""Lists that come in pages: Link headers with rel="next" (RFC 8288), bounded, and never off to another host."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

from .printable import printable, printable_url
from .redirect import joined

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from multidict import CIMultiDictProxy
    from yarl import URL

    from .host import Host
    from .repository import Repository
    from .transport import Call

MAX_PAGES = 10_000
_MAX_PAGE_BYTES = 8 << 20
_LINK = re.compile(r'\s*<([^>]*)>((?:\s*;\s*[^;,"=]+(?:=(?:"[^"]*"|[^;,"]*))?)*)\s*,?')
_REL = re.compile(r";\s*rel\s*=\s*\"?([^\";]*)\"?", re.IGNORECASE)


async def pages(repository: Repository, call: Call) -> AsyncGenerator[tuple[int, CIMultiDictProxy[str], bytes], None]:
    """Status, headers and body of each page. One that is not a success is the last.

    Raises:
        FailedPrecondition: the pages go in a circle, to another host, or do not end.
        Unavailable, PermissionDenied: there is no answer.
    """
    seen: set[URL] = set()
    while True:
        seen.add(call.url)
        status, headers, body = await repository.transport.read(call, _MAX_PAGE_BYTES)
        yield status, headers, body
        following = next_page(call.host, call.url, headers.getall("Link", [])) if status == 200 else None
        if following is None:
            return
        if following in seen:
            raise FailedPrecondition(f"{printable_url(call.url)}: its pages go in a circle")
        if len(seen) >= MAX_PAGES:
            raise FailedPrecondition(f"{printable_url(call.url)}: has more than {MAX_PAGES} pages")
        call = dataclasses.replace(call, url=following)


def next_page(host: Host, url: URL, links: Sequence[str]) -> URL | None:
    """Where the next page is; None for the last.

    Raises:
        FailedPrecondition: on another host.
    """
    for header in links:
        for target, parameters in _LINK.findall(header):
            rel = _REL.search(parameters)
            if rel is None or "next" not in rel[1].lower().split():
                continue
            following = joined(host, url, target)
            if not host.owns(following):
                raise FailedPrecondition(f'{host}: its next page "{printable(target)}" is on another host')
            return following
    return None
