"""What must hold for every plan, found by other means than `orlop.plan.simulator` uses; "" or [] when all is well."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from orlop.plan.builder import MAGIC, VERSION
from orlop.plan.operation_table import BY_NAME
from orlop.plan.operations import CODE, ENCODING, OPERATION_SIZE, TARGET_LIKE_SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.plan.builder import Plan, Step

_HEADER = struct.Struct("<IIIIIII")
_NAMES = {code: name for name, code in CODE.items()}
_FILLS = frozenset(("claim", "open", "open_tree", "new_mount", "target", "listen", "connect", "pidfd_open",
                    "new_network", "await"))  # fmt: skip
_MAKES_A_MOUNT = frozenset(("open_tree", "new_mount"))
IN_THE_CONTAINER = frozenset(("target", "mask", "readonly", "mknod", "symlink", "inherit_mode"))
_ARGUMENTS = {"fd": -1, "at": -1, "s0": None, "s1": None, "blob": b"", "n0": 0, "n1": 0}


class WireStep(NamedTuple):
    """An operation as it stands in the bytes of a plan."""

    operation: str
    flags: int
    fd: int
    at: int
    s0: str | None
    s1: str | None
    blob: bytes
    n0: int
    n1: int


class WirePlan(NamedTuple):
    """A decoded plan."""

    flags: int
    sections: list[list[WireStep]]
    data: bytes


def decode(encoded: bytes) -> WirePlan:
    """Take a plan apart as docs/executor.md says, and refuse what the executor's decoder refuses."""
    magic, version, flags, data_length, *counts = _HEADER.unpack_from(encoded)
    assert (magic, version) == (MAGIC, VERSION)
    data = encoded[_HEADER.size + OPERATION_SIZE * sum(counts) :]
    assert len(data) == data_length
    assert data[0] == 0

    def text(offset: int) -> str | None:
        assert offset < data_length
        end = data.find(b"\0", offset)
        assert end >= 0, "a string goes on behind the data area"
        return data[offset:end].decode("utf-8", "surrogateescape") if offset else None

    sections: list[list[WireStep]] = []
    position = _HEADER.size
    for count in counts:
        section = []
        for _ in range(count):
            code, bits, fd, at, s0, s1, blob, length, n0, n1 = struct.unpack_from(ENCODING, encoded, position)
            position += OPERATION_SIZE
            assert -1 <= fd <= 255
            assert -1 <= at <= 255
            assert blob + length <= data_length
            content = data[blob : blob + length]
            section.append(WireStep(_NAMES[code], bits, fd, at, text(s0), text(s1), content, n0, n1))
        sections.append(section)
    return WirePlan(flags, sections, data)


def as_wire(step: Step) -> WireStep:
    """What a step must be found as after encoding."""
    return WireStep(step.operation, step.flags, step.fd, step.at, step.s0, step.s1, step.blob, step.n0, step.n1)


def rendezvous(plan: Plan) -> str:
    """Run both sections as two processes that send each other tags in order; where they stick or misunderstand.

    Stricter than the executor, which skips a tag that nobody waits for: here each message must be the one awaited.
    """
    sections = {"outer": plan.sections()[0].steps, "inner": plan.inner.steps}
    peers = {"outer": "inner", "inner": "outer"}
    waits, sends = ("await", "wait_signal"), ("release", "signal")
    at = {"outer": 0, "inner": 0}
    letters: dict[str, list[int]] = {"outer": [], "inner": []}  # sent to this side, not yet read
    is_cloned = False
    moved = True
    while moved:
        moved = False
        for side, steps in sections.items():
            while at[side] < len(steps) and (side == "outer" or is_cloned):
                step = steps[at[side]]
                if step.operation in waits:
                    if not letters[side]:
                        break
                    if letters[side].pop(0) != step.n0:
                        return f"{side} at {at[side]} gets another tag than it waits for"
                elif step.operation == "wait_exec" and at["inner"] < len(sections["inner"]):
                    break
                elif step.operation in sends:
                    letters[peers[side]].append(step.n0)
                is_cloned = is_cloned or step.operation == "clone"
                at[side] += 1
                moved = True
    stuck = [f"{side} sticks at {at[side]}" for side, steps in sections.items() if at[side] < len(steps)]
    unread = [f"{side} never reads {tags}" for side, tags in letters.items() if tags]
    return ", ".join([*stuck, *unread])


def empty_slots(plan: Plan) -> list[str]:
    """Uses of a slot that is empty at that moment. The child has what the outer process had at the clone."""
    found: list[str] = []
    outer, inner, cleanup = plan.sections()
    filled: set[int] = set()
    at_clone: set[int] = set()
    for name, steps in (("outer", outer.steps), ("inner", inner.steps), ("cleanup", cleanup.steps)):
        filled = set(at_clone) if name == "inner" else filled if name == "outer" else set()
        for index, step in enumerate(steps):
            found.extend(f"{name}[{index}] {step.operation} #{slot}" for slot in _used(step) if slot not in filled)
            if step.operation in _FILLS:
                filled.add(step.fd)
            elif step.operation == "close":
                filled.discard(step.fd)
            elif step.operation == "clone":
                at_clone = set(filled)
    return found


def _used(step: Step) -> Iterator[int]:
    if step.at >= 0:
        yield step.at
    if step.fd >= 0 and step.operation not in _FILLS and step.operation != "close":
        yield step.fd
    if step.operation == "target" and step.n1 & 0xFF == TARGET_LIKE_SOURCE:
        yield step.n1 >> 8


def stray_paths(plan: Plan, root: int) -> list[str]:
    """Operations on a path of the container that do not start at its root, nor at a mount that we made ourselves."""
    mounts = {step.fd for step in (*plan.outer.steps, *plan.inner.steps) if step.operation in _MAKES_A_MOUNT}
    return [
        f"inner[{index}] {step.operation} {step.s0} at #{step.at}"
        for index, step in enumerate(plan.inner.steps)
        if step.operation in IN_THE_CONTAINER and step.at != root and step.at not in mounts
    ]


def root_slot(plan: Plan) -> int:
    """The slot that becomes the root."""
    (slot,) = (step.at for step in plan.inner.steps if step.operation in ("pivot_root", "chroot"))
    return slot


def unknown_arguments(steps: Sequence[Step]) -> list[str]:
    """Arguments that are given to an operation which, by its row in the table, does not take them."""
    return [
        f"{step.operation}: {name}"
        for step in steps
        for name, unset in _ARGUMENTS.items()
        if name not in BY_NAME[step.operation].args and getattr(step, name) != unset
    ]
