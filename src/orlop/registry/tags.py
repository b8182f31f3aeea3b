"""The tags of a repository (spec.md, Listing Tags)."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

from .errors import refusal
from .host import Capability
from .names import is_tag
from .pages import pages

if TYPE_CHECKING:
    from .host import Host
    from .repository import Repository

_PAGE = "1000"
_MAX_TAGS = 1_000_000


async def list_tags(repository: Repository) -> list[str]:
    """All tags, in the registry's order, each once.

    Raises:
        FailedPrecondition: the answer is not a list of tags.
        NotFound, PermissionDenied, Unavailable: the registry says so.
    """

    async def ask(host: Host, attempts: int) -> list[str]:
        place = f"cannot list tags of {repository}: {host}"
        found: dict[str, None] = {}
        call = repository.read_call(host, "GET", "tags/list", [("n", _PAGE)], attempts=attempts)
        async with aclosing(pages(repository, call)) as answers:
            async for status, _, body in answers:
                if status != 200:
                    raise refusal(status, body, place=place)
                found |= dict.fromkeys(_tags(body, place))
                if len(found) > _MAX_TAGS:
                    raise FailedPrecondition(f"{place}: has more than {_MAX_TAGS} tags")
        return list(found)

    return await repository.first(Capability.RESOLVE, ask)


def _tags(body: bytes, place: str) -> list[str]:
    try:
        found = json.loads(body)["tags"]
    except (ValueError, LookupError, TypeError, RecursionError):
        found = False
    tags = [] if found is None else found  # docker's registry says null of none
    if not isinstance(tags, list) or not all(isinstance(one, str) and is_tag(one) for one in tags):
        raise FailedPrecondition(f"{place}: the answer is not a list of tags")
    return tags
