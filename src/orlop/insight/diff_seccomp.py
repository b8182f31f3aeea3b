"""Differences of seccomp filters, told by the system calls that they let through."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER, Change, by_rank, set_changes
from orlop.insight.item_words import item_words
from orlop.insight.value_words import SECCOMP_ACTION_WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    # What a filter does with one call: action, errno and conditions of each rule about it, "" for no condition.
    Outcomes = tuple[tuple[str, int | None, str], ...]

_SHORT = "SCMP_ACT_"
_WITH_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_EPERM = 1
# From the loosest to the strictest.
_RANKS = {
    "SCMP_ACT_ALLOW": 0,
    "SCMP_ACT_LOG": 1,
    "SCMP_ACT_TRACE": 2,
    "SCMP_ACT_ERRNO": 3,
    "SCMP_ACT_TRAP": 4,
    "SCMP_ACT_KILL": 5,
    "SCMP_ACT_KILL_THREAD": 5,
    "SCMP_ACT_KILL_PROCESS": 6,
}


def seccomp_changes(old: dict[str, Any] | None, new: dict[str, Any] | None) -> Iterator[Change]:
    """For `linux.seccomp` of two configurations; None or empty is no filter."""
    if not old and not new:
        return
    if not old or not new:
        texts = [item_words("linux.seccomp", one)[0] if one else None for one in (old, new)]
        words = (
            "Only some system calls can be made." if new else "No filter: every system call of the kernel can be made."
        )
        yield Change("linux.seccomp", STRONGER if new else WEAKER, texts[0], texts[1], words)
        return
    yield from _default_changes(old, new)
    yield from _call_changes(old, new)
    yield from set_changes(
        "linux.seccomp.architectures",
        old.get("architectures") or (),
        new.get("architectures") or (),
        added=(WEAKER, "Calls by the numbers of another machine are not killed any more."),
        removed="Calls by the numbers of that machine are killed.",
    )
    flags = [sorted(one.get("flags") or ()) for one in (old, new)]
    if flags[0] != flags[1]:
        texts = [", ".join(one) or None for one in flags]
        # It switches the mitigation of Spectre (store bypass) off that a filter brings with it.
        allows = ["SECCOMP_FILTER_FLAG_SPEC_ALLOW" in one for one in flags]
        yield Change("linux.seccomp.flags", by_rank(not allows[0], not allows[1]), texts[0], texts[1])


def _default_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    defaults = [_action(one["defaultAction"], one.get("defaultErrnoRet")) for one in (old, new)]
    if defaults[0] == defaults[1]:
        return
    actions = [action for action, _ in defaults]
    texts = [_outcome_text((*default, "")) for default in defaults]
    words = f"For a call that no rule is about: {SECCOMP_ACTION_WORDS[actions[1]]}."
    verdict = by_rank(_RANKS[actions[0]], _RANKS[actions[1]])
    yield Change("linux.seccomp.defaultAction", verdict, texts[0], texts[1], words)


def _call_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """What is done with each call that a rule of either names; calls with the same change are told together."""
    before, after = _by_call(old), _by_call(new)
    groups: dict[tuple[Outcomes, Outcomes], list[str]] = {}
    for name in {**before, **after}:
        outcomes = _outcomes(before, name, old), _outcomes(after, name, new)
        is_default = name not in before, name not in after
        if outcomes[0] != outcomes[1] and not all(is_default):
            groups.setdefault(outcomes, []).append(name)
    for (was, now), names in groups.items():
        yield Change(f"linux.seccomp ({', '.join(names)})", _verdict(was, now), _text(was), _text(now), _words(now))


def _by_call(seccomp: dict[str, Any]) -> dict[str, list[tuple[str, int | None, str]]]:
    calls: dict[str, list[tuple[str, int | None, str]]] = {}
    for rule in seccomp.get("syscalls") or ():
        arguments = rule.get("args") or ()
        # Several conditions on one argument are alternatives, as for runc.
        is_either = len({one["index"] for one in arguments}) < len(arguments)
        conditions = (" or " if is_either else " and ").join(_condition(one) for one in arguments)
        for name in rule["names"]:
            calls.setdefault(name, []).append((*_action(rule["action"], rule.get("errnoRet")), conditions))
    return calls


def _condition(one: dict[str, Any]) -> str:
    operator = one["op"].removeprefix("SCMP_CMP_").lower()
    second = f" {one['valueTwo']}" if one.get("valueTwo") else ""
    return f"argument {one['index']} {operator} {one['value']}{second}"


def _outcomes(calls: dict[str, list[tuple[str, int | None, str]]], name: str, seccomp: dict[str, Any]) -> Outcomes:
    """As libseccomp has it: the first rule without a condition decides, and a rule that says the default is none.

    Where only conditions let rules count, what is done otherwise is one of the outcomes.
    """
    default = (*_action(seccomp["defaultAction"], seccomp.get("defaultErrnoRet")), "")
    rules = [rule for rule in calls.get(name, ()) if rule[:2] != default[:2]]
    for rule in rules:
        if not rule[2]:
            return (rule,)
    return tuple(sorted({default, *rules}, key=str))


def _action(action: str, number: int | None) -> tuple[str, int | None]:
    """With the errno that it returns, EPERM unless it says another."""
    return action, (_EPERM if number is None else number) if action in _WITH_ERRNO else None


def _verdict(old: Outcomes, new: Outcomes) -> str:
    """By what they let through at most; then by whether that takes a condition."""
    loosest = [min(_RANKS[action] for action, _, _ in outcomes) for outcomes in (old, new)]
    if loosest[0] != loosest[1]:
        return by_rank(*loosest)
    limited = [
        all(conditions for action, _, conditions in outcomes if _RANKS[action] == loosest[0]) for outcomes in (old, new)
    ]
    if limited[0] != limited[1]:
        return by_rank(*limited)
    return CHANGED


def _text(outcomes: Outcomes) -> str:
    return "; ".join(_outcome_text(one) for one in outcomes)


def _outcome_text(outcome: tuple[str, int | None, str]) -> str:
    action, number, conditions = outcome
    errno = "" if number is None else f" {number}"
    return f"{action.removeprefix(_SHORT).lower()}{errno}{' if ' + conditions if conditions else ''}"


def _words(outcomes: Sequence[tuple[str, int | None, str]]) -> str:
    loosest = min((action for action, _, _ in outcomes), key=lambda action: _RANKS[action])
    way = " under a condition" if all(conditions for action, _, conditions in outcomes if action == loosest) else ""
    text = SECCOMP_ACTION_WORDS[loosest]
    return f"{text[0].upper()}{text[1:]}{way}."
