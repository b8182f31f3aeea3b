"""Differences of `linux.resources`: limits that go, come, or are higher or lower, and the device rules."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER, Change, by_rank, set_changes
from orlop.plan.cgroup_devices import device_rule_text, effective_device_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_UNLIMITED = float("inf")
_PERIOD_US = 100_000  # the kernel's
_CEILINGS = (("memory", "limit"), ("memory", "swap"), ("pids", "limit"))
# What is a weight or a wish, and no wall.
_OTHERS = (
    ("memory", ("reservation", "kernel", "kernelTCP", "swappiness", "useHierarchy", "checkBeforeUpdate")),
    ("cpu", ("shares", "idle", "realtimeRuntime", "realtimePeriod")),
)
_ALLOW_ALL = "allow all devices"
_MAX_FILES = (".max", ".high")


def limit_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    """For `linux.resources` of two configurations."""
    for section, key in _CEILINGS:
        values = [(one.get(section) or {}).get(key) or None for one in (old, new)]
        if values[0] != values[1]:
            yield _ceiling(f"linux.resources.{section}.{key}", values[0], values[1])
    yield from _cpu_changes(old.get("cpu") or {}, new.get("cpu") or {})
    flags = [bool((one.get("memory") or {}).get("disableOOMKiller")) for one in (old, new)]
    if flags[0] != flags[1]:
        words = "At the limit processes stop for good, and may hold locks." if flags[1] else ""
        texts = ["true" if flag else "false" for flag in flags]
        verdict = WEAKER if flags[1] else STRONGER
        yield Change("linux.resources.memory.disableOOMKiller", verdict, texts[0], texts[1], words)
    for section, keys in _OTHERS:
        for key in keys:
            values = [(one.get(section) or {}).get(key) for one in (old, new)]
            if values[0] != values[1]:
                yield Change(f"linux.resources.{section}.{key}", CHANGED, _text(values[0]), _text(values[1]))
    yield from _file_changes(old.get("unified") or {}, new.get("unified") or {})
    yield from _device_changes(old.get("devices") or (), new.get("devices") or ())


def _ceiling(field: str, old: int | None, new: int | None) -> Change:
    """None and negative numbers are no limit."""
    verdict = by_rank(-_ceiling_value(old), -_ceiling_value(new))
    words = "No limit any more." if _ceiling_value(new) == _UNLIMITED and verdict == WEAKER else ""
    return Change(field, verdict, _text(old), _text(new), words)


def _ceiling_value(value: int | None) -> float:
    return _UNLIMITED if value is None or value <= 0 else value


def _text(value: object) -> str | None:
    if value is None:
        return None
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _cpu_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    shares = [_cpu_share(one) for one in (old, new)]
    texts = [_quota_text(one) for one in (old, new)]
    if texts[0] != texts[1]:
        words = "It may use all CPU time." if shares[1] == _UNLIMITED and shares[0] != _UNLIMITED else ""
        yield Change("linux.resources.cpu.quota", by_rank(-shares[0], -shares[1]), texts[0], texts[1], words)
    bursts = [one.get("burst") or 0 for one in (old, new)]
    if bursts[0] != bursts[1]:
        yield Change("linux.resources.cpu.burst", by_rank(-bursts[0], -bursts[1]), str(bursts[0]), str(bursts[1]))
    for key in ("cpus", "mems"):
        values = old.get(key) or None, new.get(key) or None
        if values[0] != values[1]:
            verdict = _list_verdict(*values)
            yield Change(f"linux.resources.cpu.{key}", verdict, *values)


def _cpu_share(cpu: dict[str, Any]) -> float:
    """How many CPUs the quota is worth."""
    quota = cpu.get("quota")
    return quota / (cpu.get("period") or _PERIOD_US) if quota and quota > 0 else _UNLIMITED


def _quota_text(cpu: dict[str, Any]) -> str | None:
    quota, period = cpu.get("quota"), cpu.get("period")
    if not quota and not period:
        return None
    return f"{quota or 'no'} of {period or _PERIOD_US} us"


def _list_verdict(old: str | None, new: str | None) -> str:
    """Fewer CPUs are stricter; without a list all of them may be used."""
    if old is None or new is None:
        return STRONGER if old is None else WEAKER
    before, after = _numbers(old), _numbers(new)
    return STRONGER if after < before else WEAKER if before < after else CHANGED


def _numbers(text: str) -> set[int]:
    """`0-2,5` as numbers; what is no such list, the kernel will refuse."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not (first.isdigit() and (last or first).isdigit()) or int(last or first) > 1 << 16:
            return set()
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def _file_changes(old: dict[str, str], new: dict[str, str]) -> Iterator[Change]:
    for file in {**old, **new}:
        values = old.get(file), new.get(file)
        if values[0] == values[1]:
            continue
        verdict = CHANGED
        if file.endswith(_MAX_FILES):
            ranks = [_file_value(value) for value in values]
            verdict = CHANGED if None in ranks else by_rank(*(-rank for rank in ranks if rank is not None))
        yield Change(f"linux.resources.unified ({file})", verdict, *values)


def _file_value(text: str | None) -> float | None:
    """The ceiling of a cgroup v2 file; None when it is no single number."""
    if text is None or text.strip() == "max":
        return _UNLIMITED
    return int(text) if text.strip().isdigit() else None


def _device_changes(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> Iterator[Change]:
    """The rules in force, those of every container included, which may say the same in other words."""
    before, after = [_rules(effective_device_rules(one)) for one in (old, new)]
    if before == after:
        return
    opens = before[0] == _ALLOW_ALL, after[0] == _ALLOW_ALL
    if opens[0] != opens[1]:
        words = (
            "Every device that has a node can be used, unless a rule denies it." if opens[1] else "Only these devices."
        )
        verdict = WEAKER if opens[1] else STRONGER
        yield Change("linux.resources.devices", verdict, ", ".join(before), ", ".join(after), words)
        return
    for kind, gained, lost in (
        ("allow", "More devices can be used.", "These cannot be used any more."),
        ("deny", "", ""),
    ):
        verdict = WEAKER if kind == "allow" else STRONGER
        rules = [[text for text in one if text.startswith(kind)] for one in (before, after)]
        yield from set_changes("linux.resources.devices", *rules, added=(verdict, gained), removed=lost)
    if sorted(before) == sorted(after):
        order = "The order of the rules: the last one that matches counts."
        yield Change("linux.resources.devices", CHANGED, ", ".join(before), ", ".join(after), order)


def _rules(rules: Sequence[dict[str, Any]]) -> list[str]:
    texts = []
    for rule in rules:
        text = device_rule_text(rule)
        texts.append(f"{'allow' if rule['allow'] else 'deny'} {'all devices' if text == 'a' else text}")
    return texts
