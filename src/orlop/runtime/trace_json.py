"""Spans as a document of the Trace Event Format, which Perfetto and chrome://tracing load. A pure function."""

from __future__ import annotations

from orlop.oci.json_codec import encode
from orlop.runtime.trace_spans import INNER_TRACK, OUTER_TRACK, PLANNER_TRACK, WAIT, causes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from orlop.runtime.trace_spans import PlanTrace, Span

_TRACKS = (PLANNER_TRACK, OUTER_TRACK, INNER_TRACK)


def trace_json(title: str, pid: int, phases: Sequence[Span], plans: Sequence[PlanTrace]) -> str:
    """The document: one event per span in the order of phases and plans, arrows from what was waited for.

    `ts` and `dur` are microseconds, with the nanoseconds behind the point; 0 is the beginning of the first span.
    """
    spans = [*phases, *(span for plan in plans for span in plan.spans)]
    zero_ns = min((span.begin_ns for span in spans), default=0)
    events = _names(title, pid)
    events += [_event(span, pid, zero_ns) for span in spans]
    number = 0
    for plan in plans:
        for cause, effect in causes(plan.spans):
            number += 1
            events += _arrow(number, cause, effect, pid, zero_ns)
    document = {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "command": title,
            "plans": [
                {
                    "subject": plan.subject,
                    "operations": plan.operations,
                    "begun": len(plan.spans),
                    "invalid": plan.invalid,
                }
                for plan in plans
            ],
        },
    }
    return encode(document) + "\n"


def _names(title: str, pid: int) -> list[dict[str, Any]]:
    def event(kind: str, tid: int, argument: str, value: object) -> dict[str, Any]:
        return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {argument: value}}

    events = [event("process_name", 0, "name", title)]
    for tid, track in enumerate(_TRACKS, 1):
        events.append(event("thread_name", tid, "name", track))
        events.append(event("thread_sort_index", tid, "sort_index", tid))  # by name otherwise
    return events


def _us(time_ns: int) -> float:
    return time_ns / 1000


def _tid(span: Span) -> int:
    return _TRACKS.index(span.track) + 1


def _event(span: Span, pid: int, zero_ns: int) -> dict[str, Any]:
    event: dict[str, Any] = {
        "ph": "X",
        "name": span.name,
        "cat": span.kind,
        "pid": pid,
        "tid": _tid(span),
        "ts": _us(span.begin_ns - zero_ns),
        "dur": _us(span.duration_ns),
    }
    if span.kind == WAIT:
        event["cname"] = "grey"  # a colour of chrome://tracing
    if span.section:
        event["args"] = {"result": span.result, "section": span.section, "index": span.index}
        if span.field:
            event["args"]["field"] = span.field
        if span.what:
            event["args"]["what"] = span.what
    return event


def _arrow(number: int, cause: Span, effect: Span, pid: int, zero_ns: int) -> list[dict[str, Any]]:
    # An end of an arrow belongs to the span that it lies in. `clone` lets the other one begin, the others let it end.
    end_ns = effect.begin_ns if cause.name == "clone" else effect.end_ns
    common = {"name": cause.name, "cat": "cause", "id": number, "pid": pid}
    return [
        {"ph": "s", **common, "tid": _tid(cause), "ts": _us(cause.begin_ns - zero_ns)},
        {"ph": "f", "bp": "e", **common, "tid": _tid(effect), "ts": _us(max(end_ns, cause.begin_ns) - zero_ns)},
    ]
