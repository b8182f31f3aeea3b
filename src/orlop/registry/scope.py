"""Scopes of bearer tokens (distribution's token specification): `repository:NAME:pull,push`, as pairs that compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Of resource and action: ("repository:library/busybox", "pull").
Scopes = frozenset[tuple[str, str]]


def repository_scope(repository: str, *actions: str) -> Scopes:
    """The scope to do something in a repository."""
    return frozenset((f"repository:{repository}", action) for action in actions)


def parse_scopes(text: str) -> Scopes:
    """The scopes of a challenge, which are separated by blanks."""
    found = set()
    for part in text.split():
        resource, colon, actions = part.rpartition(":")
        if colon:
            found |= {(resource, action) for action in actions.split(",") if action}
    return frozenset(found)


def format_scopes(scopes: Iterable[tuple[str, str]]) -> list[str]:
    """One text per resource, in a fixed order."""
    actions: dict[str, list[str]] = {}
    for resource, action in sorted(scopes):
        actions.setdefault(resource, []).append(action)
    return [f"{resource}:{','.join(found)}" for resource, found in actions.items()]
