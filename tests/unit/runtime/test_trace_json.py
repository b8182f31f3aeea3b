"""The document that Perfetto loads: its structure, units, and what stands in its events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orlop.runtime.trace_json import trace_json
from orlop.runtime.trace_spans import plan_trace

from .traces import phases, small_plan, trace_payload


def _document(pid: int = 42) -> dict[str, Any]:
    trace = plan_trace(small_plan(), trace_payload(), 95000)
    document: dict[str, Any] = json.loads(trace_json("orun run", pid, phases(), [trace]))
    return document


def _events(kind: str) -> list[dict[str, Any]]:
    return [event for event in _document()["traceEvents"] if event["ph"] == kind]


def test_the_documentation_shows_an_event_as_it_is_written() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "trace.md").read_text(encoding="utf-8")
    shown = json.loads(next(line for line in text.splitlines() if line.startswith("    {")))
    ours = next(event for event in _events("X") if event["name"] == "await")
    assert list(shown) == list(ours)
    assert list(shown["args"]) == list(ours["args"])
    assert (shown["cat"], shown["tid"], shown["args"]["section"]) == (ours["cat"], ours["tid"], ours["args"]["section"])


def test_the_document_is_the_object_form() -> None:
    document = _document()
    assert set(document) == {"traceEvents", "displayTimeUnit", "otherData"}
    assert document["displayTimeUnit"] == "ms"
    assert document["otherData"] == {
        "command": "orun run",
        "plans": [{"subject": 'run container "web"', "operations": 11, "begun": 11, "invalid": 0}],
    }


def test_there_is_one_track_for_each_who_works() -> None:
    names = {event["tid"]: event["args"]["name"] for event in _events("M") if event["name"] == "thread_name"}
    assert names == {1: "planner", 2: "outer", 3: "inner"}
    assert [event["args"] for event in _events("M") if event["name"] == "process_name"] == [{"name": "orun run"}]
    assert {event["pid"] for event in _document()["traceEvents"]} == {42}


def test_every_span_is_an_event_with_microseconds_since_the_first() -> None:
    events = _events("X")
    assert [event["name"] for event in events[:4]] == ["hello", "compile", "encode", "mkdir"]
    assert len(events) == 3 + 11
    mkdir = events[3]
    assert mkdir == {
        "ph": "X",
        "name": "mkdir",
        "cat": "work",
        "pid": 42,
        "tid": 2,
        "ts": 100,
        "dur": 10,
        "args": {
            "result": "EEXIST (ignored)",
            "section": "outer",
            "index": 0,
            "field": "linux.cgroupsPath",
            "what": "/sys/fs/cgroup/web",
        },
    }


def test_nanoseconds_are_not_lost() -> None:
    spans = phases()
    spans[1].begin_ns += 123
    events = json.loads(trace_json("orun", 1, spans, []))["traceEvents"]
    assert next(event for event in events if event["name"] == "compile")["ts"] == 5.123


def test_the_first_event_is_at_0_whatever_the_clock_says() -> None:
    spans = phases()
    for span in spans:
        span.begin_ns += 10**15
        span.end_ns += 10**15
    events = json.loads(trace_json("orun", 1, spans, []))["traceEvents"]
    assert [event["ts"] for event in events if event["ph"] == "X"] == [0, 5, 80]


def test_waiting_has_a_category_and_a_colour() -> None:
    waits = {event["name"] for event in _events("X") if event["cat"] == "wait"}
    assert waits == {"hook", "await", "wait_exec"}
    assert {event["name"] for event in _events("X") if event.get("cname") == "grey"} == waits


def test_an_arrow_goes_from_each_cause_into_what_waited() -> None:
    starts, ends = _events("s"), _events("f")
    assert [(event["id"], event["name"]) for event in starts] == [(event["id"], event["name"]) for event in ends]
    spans = _events("X")
    for event in (*starts, *ends):
        assert any(
            span["tid"] == event["tid"] and span["ts"] <= event["ts"] <= span["ts"] + span["dur"] for span in spans
        )
    for start, end in zip(starts, ends, strict=True):
        assert start["ts"] <= end["ts"]
        assert end["bp"] == "e"


def test_a_path_that_is_no_text_has_a_form() -> None:
    plan = small_plan()
    plan.outer.steps[0].s0 = "/\udcff\x1b\n"
    trace = plan_trace(plan, trace_payload(), 95000)
    text = trace_json("orun", 1, [], [trace])
    assert text.isascii()
    assert text.count("\n") == 1
    mkdir = next(event for event in json.loads(text)["traceEvents"] if event["name"] == "mkdir")
    assert mkdir["args"]["what"] == "/\udcff\x1b\n"


def test_nothing_at_all_is_a_document_too() -> None:
    assert {event["ph"] for event in json.loads(trace_json("orun", 1, [], []))["traceEvents"]} == {"M"}
