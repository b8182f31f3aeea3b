"""Spans as text: the slowest, in the order in which they began, each with a bar on one common time axis. Pure."""

from __future__ import annotations

from orlop.runtime.log import one_line
from orlop.runtime.trace_spans import (
    CONTAINER,
    INNER_TRACK,
    OK,
    OUTER_TRACK,
    PLANNER_TRACK,
    WAIT,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.runtime.trace_spans import PlanTrace, Span

ROWS = 25
_BAR = 32
_NS_PER_MS = 1_000_000
_FILL = {WAIT: ".", CONTAINER: "~"}
_WHAT_MAX = 48


def waterfall(title: str, phases: Sequence[Span], plans: Sequence[PlanTrace], *, rows: int = ROWS) -> str:
    """The `rows` slowest spans of a request, and what each track did in sum. Times are milliseconds.

    The time in which the container ran is cut out of the axis: it would leave nothing to see of the rest.
    """
    spans = [*phases, *(span for plan in plans for span in plan.spans)]
    if not spans:
        return ""
    axis = _Axis(spans)
    slowest = sorted(spans, key=lambda span: span.duration_ns, reverse=True)[:rows]
    shown = sorted(slowest, key=lambda span: (span.begin_ns, -span.end_ns))
    operations = sum(plan.operations for plan in plans)
    invalid = sum(plan.invalid for plan in plans)
    begun = sum(len(plan.spans) for plan in plans)
    subject = ", then ".join(plan.subject for plan in plans) or title
    lines = [
        f"{one_line(subject)}: {_ms(axis.total_ns)} ms, {operations} operations"
        + ("" if begun == operations else f", {begun} of them begun")
        + (f", {invalid} told with times that cannot be" if invalid else "")
        + (f"; the {rows} slowest steps" if len(spans) > rows else ""),
        *_sums(spans),
        f"{'begin':>9} {'took':>9}  {'track':<7}  |{'# work  . wait':<{_BAR}}|",
        *(_row(span, axis) for span in shown),
    ]
    return "\n".join(lines) + "\n"


class _Axis:
    """Where on the bars a time is. The container's own time has no length there."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._cuts = [(span.begin_ns, span.end_ns) for span in spans if span.kind == CONTAINER]
        self._zero_ns = min(span.begin_ns for span in spans)
        self.total_ns = max(self.position_ns(span.end_ns) for span in spans)

    def position_ns(self, time_ns: int) -> int:
        cut_ns = sum(min(time_ns, end_ns) - begin_ns for begin_ns, end_ns in self._cuts if time_ns > begin_ns)
        return time_ns - self._zero_ns - cut_ns

    def bar(self, span: Span) -> str:
        scale = _BAR / max(self.total_ns, 1)
        start = min(int(self.position_ns(span.begin_ns) * scale), _BAR - 1)
        end = max(min(round(self.position_ns(span.end_ns) * scale), _BAR), start + 1)
        return " " * start + _FILL.get(span.kind, "#") * (end - start) + " " * (_BAR - end)


def _sums(spans: Sequence[Span]) -> list[str]:
    lines = []
    for track in (PLANNER_TRACK, OUTER_TRACK, INNER_TRACK):
        own = [span for span in spans if span.track == track and span.kind != CONTAINER]
        # `cleanup` has the operations of its section inside itself, which are counted.
        own = [span for span in own if span.name != "cleanup"]
        if not own:
            continue
        waiting = sum(span.duration_ns for span in own if span.kind == WAIT)
        text = f"  {track:<7} {_ms(sum(span.duration_ns for span in own)):>9} ms"
        lines.append(f"{text}, of which it waited {_ms(waiting)} ms" if waiting else text)
    ran = [span for span in spans if span.kind == CONTAINER]
    return lines + [f"  the container ran for {_ms(one.duration_ns)} ms, which is left out below" for one in ran]


def _row(span: Span, axis: _Axis) -> str:
    words = [span.name]
    if span.what:
        words.append(_shortened(one_line(span.what)))
    if span.result != OK:
        words.append(f"[{span.result}]")
    if span.field:
        words.append(f"({one_line(span.field)})")
    begin, took = _ms(axis.position_ns(span.begin_ns)), _ms(span.duration_ns)
    return f"{begin:>9} {took:>9}  {span.track:<7}  |{axis.bar(span)}| {' '.join(words)}"


def _shortened(text: str) -> str:
    return text if len(text) <= _WHAT_MAX else f"...{text[3 - _WHAT_MAX :]}"


def _ms(time_ns: int) -> str:
    return f"{time_ns / _NS_PER_MS:.3f}"
