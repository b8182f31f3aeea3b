"""A plan without a kernel: told as text, and checked against the rules that every plan must keep.

The rules are what the order of the operations guarantees (docs/architecture.md); tests hold every plan to them.
"""

from __future__ import annotations

from orlop.plan.operation_table import BY_NAME
from orlop.plan.operations import SECTION_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.plan.builder import Plan, Section, Step

_FIELD_WIDTH = 38
_SHOWN_MAX = 64

# Operations that still need privilege, or the host's paths.
_PRIVILEGED = frozenset(("new_mount", "move_mount", "mount_setattr", "pivot_root", "mask", "readonly", "mknod",
                         "sysctl", "sethostname", "setdomainname", "unshare", "setns", "open_tree"))  # fmt: skip
_FILLS_SLOT = frozenset(("claim", "open", "open_tree", "new_mount", "target", "listen", "connect", "pidfd_open"))
_USES_FD = frozenset(("write_slot", "move_mount", "mount_setattr", "setns", "verify_device", "verify_filesystem",
                      "await_start", "device_filter", "copy_tree", "sysctl"))  # fmt: skip


def describe_plan(plan: Plan) -> str:
    """The plan as a table: section, number, operation with its arguments, and the field it comes from."""
    lines = []
    for name, section in zip(SECTION_NAMES, plan.sections(), strict=True):
        lines.append(f"{name}:\n")
        lines.extend(
            f"  {index:3}  {step.field or '-':<{_FIELD_WIDTH}} {describe_step(step)}\n"
            for index, step in enumerate(section.steps)
        )
    return "".join(lines)


def describe_step(step: Step) -> str:
    """One operation with the arguments in use, by their names in the operation table."""
    row = BY_NAME[step.operation]
    parts = [step.operation]
    for argument, meaning in row.args.items():
        value = getattr(step, argument)
        if argument in ("fd", "at"):
            if value >= 0:
                parts.append(f"{meaning}=#{value}")
        elif argument in ("s0", "s1"):
            if value is not None:
                parts.append(f"{meaning}={_printable(value)!r}")
        elif argument == "blob":
            parts.append(f"{meaning}={_blob_text(value)}")
        elif value:
            parts.append(f"{meaning}={value:#x}")
    return " ".join(parts)


def broken_rules(plan: Plan) -> list[str]:
    """The rules that the plan breaks, in words; an empty list for a good plan."""
    broken = []
    inner = plan.inner
    names = [step.operation for step in inner.steps]
    if names.count("execve") != 1 or names[-1] != "execve":
        broken.append("the inner section ends with its only execve")
    broken.extend(_after("capabilities", _PRIVILEGED, inner, "after the capabilities are dropped"))
    broken.extend(_after("pivot_root", frozenset(("target", "mask", "readonly", "mknod", "open", "open_tree")), inner,
                         "after the change of root"))  # fmt: skip
    broken.extend(_before("write_slot", "clone", plan))
    broken.extend(_late_claims(plan))
    broken.extend(_unfilled_slots(plan))
    return broken


def _after(marker: str, forbidden: frozenset[str], section: Section, when: str) -> list[str]:
    names = [step.operation for step in section.steps]
    if marker not in names:
        return []
    position = names.index(marker)
    return [f"{name} {when}" for name in names[position + 1 :] if name in forbidden]


def _before(operation: str, marker: str, plan: Plan) -> list[str]:
    names = [step.operation for step in plan.outer.steps]
    if marker not in names:
        return []
    return [f"{operation} before {marker}" for name in names[: names.index(marker)] if name == operation]


def _late_claims(plan: Plan) -> list[str]:
    """A claim that fails skips the cleanup, so before it there may be nothing to undo."""
    before: list[str] = []
    for section in plan.sections():
        for step in section.steps:
            if step.operation == "claim" and set(before) - {"open"}:
                return [f"claim after {before[-1]}"]
            before.append(step.operation)
    return []


def _unfilled_slots(plan: Plan) -> list[str]:
    """Inner steps may use what the outer ones filled before the clone."""
    broken: list[str] = []
    filled: set[int] = set()
    for name, section in zip(SECTION_NAMES, plan.sections(), strict=True):
        for index, step in enumerate(section.steps):
            used = [step.at] if step.at >= 0 else []
            if step.operation in _USES_FD and step.fd >= 0:
                used.append(step.fd)
            broken.extend(
                f"{name}[{index}] {step.operation} uses slot {slot}, which nothing filled"
                for slot in used
                if slot not in filled
            )
            if step.operation in _FILLS_SLOT and step.fd >= 0:
                filled.add(step.fd)
    return broken


def _blob_text(blob: bytes) -> str:
    text = blob.decode("utf-8", "backslashreplace").replace("\0", ",").rstrip(",")
    if len(blob) > _SHOWN_MAX or not text.isprintable() or "\\x" in text:
        return f"<{len(blob)} bytes>"
    return repr(text)


def _printable(text: str) -> str:
    return text.replace("\x01", "PID").replace("\x02", "START_TIME")
