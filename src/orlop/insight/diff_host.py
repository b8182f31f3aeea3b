"""Differences that reach the host itself: hooks, sysctls, the place of the cgroup."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER, Change, item_texts
from orlop.oci.config_names import HOOK_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_INSIDE = "startContainer"


def hook_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """For `hooks` of two configurations. Those of the host are code that runs as who called orun."""
    for kind in HOOK_KINDS:
        before, after = [_by_path(one.get(kind) or ()) for one in (old, new)]
        field = f"hooks.{kind}"
        for key in {**before, **after}:
            hooks = before.get(key), after.get(key)
            if hooks[0] == hooks[1]:
                continue
            verdict = CHANGED if all(hooks) or kind == _INSIDE else WEAKER if hooks[1] else STRONGER
            words = "A program of the container's own files." if kind == _INSIDE else "Code that runs on the host."
            texts = item_texts(field, *hooks)
            yield Change(f"{field} ({key[0]})", verdict, texts[0], texts[1], words if hooks[1] else "It is gone.")
        orders = [[key for key in one if key in before and key in after] for one in (before, after)]
        if orders[0] != orders[1]:
            paths = [", ".join(path for path, _ in order) for order in orders]
            yield Change(field, CHANGED, paths[0], paths[1], "Another order.")


def _by_path(hooks: Sequence[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    """By path; a second hook of the same path has a number."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for hook in hooks:
        number = sum(path == hook["path"] for path, _ in found)
        found[hook["path"], number] = {name: value for name, value in hook.items() if value}
    return found


def kernel_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """For `linux` of two configurations: sysctls and the cgroup's place."""
    before, after = old.get("sysctl") or {}, new.get("sysctl") or {}
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            words = "" if name in after else "The kernel's default for the namespace."
            yield Change(f"linux.sysctl ({name})", CHANGED, before.get(name), after.get(name), words)
    paths = old.get("cgroupsPath") or None, new.get("cgroupsPath") or None
    if paths[0] != paths[1]:
        yield Change("linux.cgroupsPath", CHANGED, *paths, "The limits of other cgroups above it hold too.")
