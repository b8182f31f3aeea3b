"""Differences in what the process may do: user, capabilities, no_new_privs, resource limits."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER, Change, by_rank, set_changes
from orlop.insight.diff_namespaces import has_user_namespace
from orlop.insight.value_words import CAPABILITY_WORDS, RLIMIT_WORDS, STRONG_CAPABILITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_SETS = ("bounding", "permitted", "inheritable", "effective", "ambient")
_DEFAULT_UMASK = 0o022
_UNLIMITED = (1 << 64) - 1


def process_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """For two whole configurations."""
    before, after = old.get("process") or {}, new.get("process") or {}
    has_own_ids = has_user_namespace(new.get("linux") or {})
    yield from _user_changes(before.get("user") or {}, after.get("user") or {}, has_own_ids=has_own_ids)
    yield from _capability_changes(before.get("capabilities") or {}, after.get("capabilities") or {})
    flags = bool(before.get("noNewPrivileges")), bool(after.get("noNewPrivileges"))
    if flags[0] != flags[1]:
        words = (
            "No program that is executed adds to what the process may do."
            if flags[1]
            else "A setuid program can give the process more than it has."
        )
        yield Change("process.noNewPrivileges", by_rank(*flags), _truth(flags[0]), _truth(flags[1]), words)
    yield from _rlimit_changes(before.get("rlimits") or (), after.get("rlimits") or ())
    yield from _oom_changes(before.get("oomScoreAdj"), after.get("oomScoreAdj"))


def _truth(value: object) -> str:
    return "true" if value else "false"


def _user_changes(old: dict[str, Any], new: dict[str, Any], *, has_own_ids: bool) -> Iterator[Change]:
    before, after = old.get("uid", 0), new.get("uid", 0)
    if before != after:
        root = (
            "Root inside, another user outside." if has_own_ids else "Root: the host's own, without a user namespace."
        )
        yield Change(
            "process.user.uid", by_rank(before != 0, after != 0), str(before), str(after), "" if after else root
        )
    groups = old.get("gid", 0), new.get("gid", 0)
    if groups[0] != groups[1]:
        verdict = by_rank(groups[0] != 0, groups[1] != 0)
        yield Change("process.user.gid", verdict, str(groups[0]), str(groups[1]), "" if groups[1] else "Root's group.")
    yield from set_changes(
        "process.user.additionalGids",
        map(str, old.get("additionalGids") or ()),
        map(str, new.get("additionalGids") or ()),
        added=(WEAKER, "Files of these groups come into reach."),
        removed="Files of these groups are out of reach.",
    )
    masks = old.get("umask", _DEFAULT_UMASK), new.get("umask", _DEFAULT_UMASK)
    if masks[0] != masks[1]:
        texts = f"{masks[0]:04o}", f"{masks[1]:04o}"
        yield Change("process.user.umask", _mask_verdict(*masks), *texts, "Permissions that new files do not get.")


def _mask_verdict(old: int, new: int) -> str:
    """More bits are stricter."""
    common = old & new
    return STRONGER if common == old else WEAKER if common == new else CHANGED


def _capability_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    names = {name: None for sets in (old, new) for kind in _SETS for name in sets.get(kind) or ()}
    for name in names:
        before = [kind for kind in _SETS if name in (old.get(kind) or ())]
        after = [kind for kind in _SETS if name in (new.get(kind) or ())]
        if before == after:
            continue
        common = [kind for kind in before if kind in after]
        verdict = WEAKER if common == before else STRONGER if common == after else CHANGED
        strong = " It is one of those that help to break out." if name in STRONG_CAPABILITIES and after else ""
        words = f"It may {CAPABILITY_WORDS[name]}.{strong}" if after else f"It may not {CAPABILITY_WORDS[name]}."
        yield Change(
            f"process.capabilities ({name})", verdict, ", ".join(before) or None, ", ".join(after) or None, words
        )


def _rlimit_changes(old: Any, new: Any) -> Iterator[Change]:
    before = {one["type"]: (one["soft"], one["hard"]) for one in old}
    after = {one["type"]: (one["soft"], one["hard"]) for one in new}
    for kind in {**before, **after}:
        limits = before.get(kind), after.get(kind)
        if limits[0] == limits[1]:
            continue
        yield Change(
            f"process.rlimits ({kind})",
            _limit_verdict(*limits),
            _limit_text(limits[0]),
            _limit_text(limits[1]),
            f"It counts {RLIMIT_WORDS[kind]}." if limits[1] else "The limit is the caller's.",
        )


def _limit_verdict(old: tuple[int, int] | None, new: tuple[int, int] | None) -> str:
    """Lower is stricter; without a limit there is the caller's, which may be any."""
    if old is None or new is None:
        return STRONGER if old is None else WEAKER
    if new[0] <= old[0] and new[1] <= old[1]:
        return STRONGER
    return WEAKER if new[0] >= old[0] and new[1] >= old[1] else CHANGED


def _limit_text(limit: tuple[int, int] | None) -> str | None:
    if limit is None:
        return None
    soft, hard = ("unlimited" if one == _UNLIMITED else str(one) for one in limit)
    return f"soft {soft}, hard {hard}"


def _oom_changes(old: int | None, new: int | None) -> Iterator[Change]:
    if old == new:
        return
    verdict = CHANGED if old is None or new is None else by_rank(old, new)
    words = "When memory runs out, processes with higher scores are killed first."
    yield Change("process.oomScoreAdj", verdict, _number(old), _number(new), words)


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)
