"""Differences of namespaces and of the ids that a user namespace maps."""

from __future__ import annotations

from orlop.insight.change import CHANGED, Change, by_rank
from orlop.insight.item_words import id_ranges, maps_root
from orlop.insight.value_words import NAMESPACE_WORDS
from orlop.oci.config_names import NAMESPACE_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_HOST, _JOINED, _NEW = range(3)  # the stricter the higher
# Processes of the host: pid 1, and whoever calls orun.
_HOST_PROCESSES = ("/proc/1/ns/", "/proc/self/ns/", "/proc/thread-self/ns/")


def namespace_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """For `linux` of two configurations: a namespace that is the container's own, another's, or the host's now."""
    before, after = _by_type(old), _by_type(new)
    for kind in NAMESPACE_TYPES:
        if before.get(kind) != after.get(kind):
            ranks = _rank(before.get(kind)), _rank(after.get(kind))
            words = _words(kind, after.get(kind))
            yield Change(f"linux.namespaces ({kind})", by_rank(*ranks), _text(before, kind), _text(after, kind), words)
    for field in ("uidMappings", "gidMappings"):
        yield from _mapping_changes(f"linux.{field}", old.get(field) or [], new.get(field) or [])


def has_user_namespace(linux: dict[str, Any]) -> bool:
    """Whether root inside is another user outside."""
    return _rank(_by_type(linux).get("user")) != _HOST


def _by_type(linux: dict[str, Any]) -> dict[str, str]:
    """Type to path, "" for a new one."""
    return {one["type"]: one.get("path") or "" for one in linux.get("namespaces") or ()}


def _rank(path: str | None) -> int:
    if path is None or path.startswith(_HOST_PROCESSES):
        return _HOST
    return _JOINED if path else _NEW


def _text(paths: dict[str, str], kind: str) -> str:
    path = paths.get(kind)
    return "the host's" if path is None else path or "its own"


def _words(kind: str, path: str | None) -> str:
    if _rank(path) == _HOST:
        return f"Shared with the host: {NAMESPACE_WORDS[kind][1]}."
    if path:
        return f"Shared with whoever is in {path}."
    return f"The container has {NAMESPACE_WORDS[kind][0]}."


def _mapping_changes(field: str, old: Sequence[dict[str, int]], new: Sequence[dict[str, int]]) -> Iterator[Change]:
    if old == new:
        return
    verdict = by_rank(not maps_root(old), not maps_root(new)) if old and new else CHANGED
    words = "Root of the host is one of the ids inside." if maps_root(new) else ""
    yield Change(field, verdict, "; ".join(id_ranges(old)) or None, "; ".join(id_ranges(new)) or None, words)
