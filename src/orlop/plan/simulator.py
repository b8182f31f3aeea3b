"""A plan without a kernel: told as text, and checked against the rules that every plan must keep.

The rules are what the order of the operations guarantees (docs/architecture.md); tests hold every plan to them.
"""

from __future__ import annotations

from orlop.linux.flags import OPEN_TREE_CLONE
from orlop.plan.operation_table import BY_NAME
from orlop.plan.operations import SECTION_NAMES, TARGET_LIKE_SOURCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.plan.builder import Plan, Section, Step

_FIELD_WIDTH = 38
_SHOWN_MAX = 64

# Operations that still need privilege, or the host's paths.
_PRIVILEGED = frozenset(("new_mount", "move_mount", "mount_setattr", "pivot_root", "mask", "readonly", "mknod",
                         "sysctl", "sethostname", "setdomainname", "unshare", "setns", "open_tree"))  # fmt: skip
_FILLS_SLOT = frozenset(("claim", "open", "open_tree", "new_mount", "target", "listen", "connect", "pidfd_open",
                         "new_network", "await"))  # fmt: skip
_NEEDS_INIT = frozenset(("write_init_proc", "release", "wait_signal", "wait_exec", "pidfd_send", "supervise"))


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
    broken.extend(_outer_rules(plan))
    broken.extend(_late_claims(plan))
    broken.extend(_crossed_waits(plan))
    broken.extend(_empty_slots(plan))
    return broken


def _after(marker: str, forbidden: frozenset[str], section: Section, when: str) -> list[str]:
    names = [step.operation for step in section.steps]
    if marker not in names:
        return []
    position = names.index(marker)
    return [f"{name} {when}" for name in names[position + 1 :] if name in forbidden]


def _outer_rules(plan: Plan) -> list[str]:
    """What the caller's process must not do: be in the container itself, or hand on what the child cannot use."""
    broken: list[str] = []
    is_cloned = False
    for index, step in enumerate(plan.sections()[0].steps):
        if step.operation == "write_slot" and step.blob == b"0":
            broken.append(f"outer[{index}] moves the caller's process into a cgroup")
        if step.operation == "open_tree" and not step.n0 & OPEN_TREE_CLONE:
            broken.append(f"outer[{index}] opens a mount that is not detached, which the child cannot attach")
        if step.operation in _NEEDS_INIT and not is_cloned:
            broken.append(f"{step.operation} before clone")
        if step.operation == "clone":
            if is_cloned:
                broken.append("a second clone")
            is_cloned = True
    return broken


def _crossed_waits(plan: Plan) -> list[str]:
    """What one side lets go in one order and the other awaits in another: each wait takes the next message."""
    outer, inner, _ = plan.sections()
    pairs = (("release", outer, "await", inner), ("signal", inner, "wait_signal", outer))
    broken = []
    for send, sender, wait, waiter in pairs:
        sent = [step.n0 for step in sender.steps if step.operation == send]
        awaited = [step.n0 for step in waiter.steps if step.operation == wait]
        if sent != awaited:
            broken.append(f"{send} of {sent}, but {wait} of {awaited}")
    return broken


def _late_claims(plan: Plan) -> list[str]:
    """A claim that fails skips the cleanup, so before it there may be nothing to undo."""
    before: list[str] = []
    for section in plan.sections():
        for step in section.steps:
            if step.operation == "claim" and set(before) - {"open"}:
                return [f"claim after {before[-1]}"]
            before.append(step.operation)
    return []


def _empty_slots(plan: Plan) -> list[str]:
    """Uses of a slot that is empty at that moment.

    The child has what the outer process had at the clone, and each closes its own. `supervise` closes all of the outer
    ones, and a plan may fail anywhere, so the cleanup section has what it fills itself.
    """
    broken: list[str] = []
    filled: set[int] = set()
    at_clone: set[int] = set()
    for name, section in zip(SECTION_NAMES, plan.sections(), strict=True):
        filled = set(at_clone) if name == "inner" else set()
        for index, step in enumerate(section.steps):
            broken.extend(
                f"{name}[{index}] {step.operation} uses slot {slot}, which nothing filled"
                for slot in _used_slots(step)
                if slot not in filled
            )
            if step.operation == "clone":
                at_clone = set(filled)
            elif step.operation == "supervise":
                filled.clear()
            elif step.operation == "close":
                filled.discard(step.fd)
            elif step.operation in _FILLS_SLOT:
                filled.add(step.fd)
    return broken


def _used_slots(step: Step) -> list[int]:
    used = [step.at]
    if step.operation != "close" and step.operation not in _FILLS_SLOT:
        used.append(step.fd)
    if step.operation == "target" and step.n1 & 0xFF == TARGET_LIKE_SOURCE:
        used.append(step.n1 >> 8)
    return [slot for slot in used if slot >= 0]


def _blob_text(blob: bytes) -> str:
    text = blob.decode("utf-8", "backslashreplace").replace("\0", ",").rstrip(",")
    if len(blob) > _SHOWN_MAX or not text.isprintable() or "\\x" in text:
        return f"<{len(blob)} bytes>"
    return repr(text)


def _printable(text: str) -> str:
    return text.replace("\x01", "PID").replace("\x02", "START_TIME")
