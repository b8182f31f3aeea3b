"""What happened during a traced request, as spans of time: the planner's phases, and the operations of its plans.

The records of the executor (docs/executor.md, Trace) are taken apart and checked here. No I/O, and no clock is read.
"""

from __future__ import annotations

import errno
from _struct import Struct

from orlop.errors import Unavailable
from orlop.plan import tags
from orlop.plan.operations import BEST_EFFORT, IGNORE_EACCES, IGNORE_EEXIST, IGNORE_ENOENT, INNER, SECTION_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.plan.builder import Plan, Step

# The tracks: who was at work.
PLANNER_TRACK, OUTER_TRACK, INNER_TRACK = "planner", "outer", "inner"

# The kinds of time. WAIT: for the other process, or for a program that is not ours. CONTAINER: it ran.
PLANNING, WORK, WAIT, CONTAINER = "planning", "work", "wait", "container"
_KIND = {
    "await": WAIT,
    "wait_signal": WAIT,
    "wait_exec": WAIT,
    "await_start": WAIT,
    "connect_start": WAIT,
    "wait_exit": WAIT,
    "kill_init": WAIT,
    "kill_cgroup": WAIT,
    "hook": WAIT,
    "supervise": CONTAINER,
}

OK = "ok"
NOT_FINISHED = "not finished"

_NOT_RUN, _BEGUN, _SUCCEEDED, _FAILED = range(4)
_HEADER = Struct("<4IQ")
_RECORD = Struct("<QQIi")
_TAG_NAMES = {value: name.removeprefix("TAG_").lower() for name, value in vars(tags).items() if name[:4] == "TAG_"}
_TAGGED = ("release", "await", "signal", "wait_signal")


class Span:
    """One phase of the planner, or one operation that has at least begun. Times are nanoseconds of CLOCK_MONOTONIC.

    `result` is OK, NOT_FINISHED, or what failed. `field` is where in config.json (or else) the operation comes
    from; `what` its path, or the point at which it waits. `section` is "" for a phase.
    """

    __slots__ = ("begin_ns", "end_ns", "field", "index", "kind", "name", "result", "section", "track", "what")

    def __init__(self, track: str, name: str, begin_ns: int, end_ns: int, kind: str = PLANNING) -> None:
        self.track = track
        self.name = name
        self.begin_ns = begin_ns
        self.end_ns = end_ns
        self.kind = kind
        self.result = OK
        self.field = ""
        self.what = ""
        self.section = ""
        self.index = 0

    @property
    def duration_ns(self) -> int:
        """How long it took."""
        return self.end_ns - self.begin_ns


class PlanTrace:
    """One executed plan: what it was for, how many operations it has, and those that were begun, in its order."""

    __slots__ = ("invalid", "operations", "spans", "subject")

    def __init__(self, subject: str, operations: int) -> None:
        self.subject = subject
        self.operations = operations
        self.spans: list[Span] = []
        self.invalid = 0  # records that cannot be true


def plan_trace(plan: Plan, payload: bytes, sent_ns: int) -> PlanTrace:
    """The trace of a plan that was sent at a time, from the executor's TRACE message.

    A record that cannot be true (an unknown state, a time before the plan was sent or after the message was) is left
    out and counted.

    Raises:
        Unavailable: the message is not about this plan.
    """
    sections = [section.steps for section in plan.sections()]
    total = sum(len(steps) for steps in sections)
    if len(payload) != _HEADER.size + total * _RECORD.size:
        raise Unavailable(f"the executor sent a trace of {len(payload)} bytes for {total} operations")
    *counts, _, now_ns = _HEADER.unpack_from(payload)
    if counts != [len(steps) for steps in sections]:
        raise Unavailable("the executor sent the trace of another plan")
    trace = PlanTrace(plan.subject.removeprefix("cannot "), total)
    steps = ((section, index, step) for section, one in enumerate(sections) for index, step in enumerate(one))
    records = _RECORD.iter_unpack(memoryview(payload)[_HEADER.size :])
    for (section, index, step), (begin_ns, end_ns, state, number) in zip(steps, records, strict=True):
        if state == _NOT_RUN:
            continue
        if state == _BEGUN:
            end_ns = now_ns  # noqa: PLW2901 (what is there means nothing)
        if state > _FAILED or not sent_ns <= begin_ns <= end_ns <= now_ns:
            trace.invalid += 1
            continue
        span = _span_of(step, section, index, begin_ns, end_ns)
        span.result = {_BEGUN: NOT_FINISHED, _SUCCEEDED: OK}.get(state) or _failure(step, number)
        trace.spans.append(span)
    _end_execve(trace)
    return trace


def _span_of(step: Step, section: int, index: int, begin_ns: int, end_ns: int) -> Span:
    operation = step.operation
    track = INNER_TRACK if section == INNER else OUTER_TRACK
    span = Span(track, operation, begin_ns, end_ns, _KIND.get(operation, WORK))
    span.section = SECTION_NAMES[section]
    span.index = index
    span.field = step.field
    span.what = _TAG_NAMES.get(step.n0, "") if operation in _TAGGED else step.s0 or ""
    return span


def _failure(step: Step, number: int) -> str:
    name = errno.errorcode.get(number, f"errno {number}") if number else "failed"
    flags = step.flags
    if (
        (flags & IGNORE_EEXIST and number == errno.EEXIST)
        or (flags & IGNORE_ENOENT and number == errno.ENOENT)
        or (flags & IGNORE_EACCES and number in (errno.EACCES, errno.EPERM))
    ):
        return f"{name} (ignored)"
    return f"{name} (a warning)" if flags & BEST_EFFORT else name


def _end_execve(trace: PlanTrace) -> None:
    """execve does not come back to be measured; the outer process sees its end as that of `wait_exec`."""
    executed = [span for span in trace.spans if span.name == "wait_exec" and span.result == OK]
    for span in trace.spans:
        if span.name == "execve" and executed and executed[0].end_ns >= span.begin_ns:
            span.end_ns = executed[0].end_ns
            span.result = OK


def causes(spans: list[Span]) -> Iterator[tuple[Span, Span]]:
    """Pairs of spans of one plan of which the first let the second one end (or begin, for `clone`)."""
    first: dict[tuple[str, str], Span] = {}
    for span in spans:
        first.setdefault((span.name, span.what if span.name in _TAGGED else ""), span)
    inner = next((span for span in spans if span.track == INNER_TRACK), None)
    clone = first.get(("clone", ""))
    if clone and inner:
        yield clone, inner
    for (name, what), cause in first.items():
        waiting = {"release": "await", "signal": "wait_signal", "execve": "wait_exec"}.get(name)
        effect = first.get((waiting, what)) if waiting else None
        if effect and effect.end_ns >= cause.begin_ns:
            yield cause, effect
