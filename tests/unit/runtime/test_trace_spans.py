"""The executor's records as spans: what they mean, and which of them cannot be true."""

from __future__ import annotations

import pytest

from orlop.errors import Unavailable
from orlop.plan.operations import CODE, IGNORE_EACCES, IGNORE_ENOENT
from orlop.runtime.trace_spans import _KIND, CONTAINER, NOT_FINISHED, OK, WAIT, WORK, PlanTrace, causes, plan_trace

from .traces import BEGUN, FAILED, NOT_RUN, RECORDS, SUCCEEDED, Record, small_plan, trace_payload


def _trace(*records: Record, sent: int = 95) -> PlanTrace:
    return plan_trace(small_plan(), trace_payload(records or RECORDS), sent * 1000)


def _with(index: int, record: Record) -> list[Record]:
    return [*RECORDS[:index], record, *RECORDS[index + 1 :]]


def test_a_span_says_who_did_what_for_which_field_and_how_long() -> None:
    trace = _trace()
    assert (trace.subject, trace.operations, trace.invalid) == ('run container "web"', 11, 0)
    told = [(span.track, span.section, span.index, span.name, span.what, span.field) for span in trace.spans]
    assert told == [
        ("outer", "outer", 0, "mkdir", "/sys/fs/cgroup/web", "linux.cgroupsPath"),
        ("outer", "outer", 1, "clone", "", "linux.namespaces"),
        ("outer", "outer", 2, "hook", "/bin/hook", "hooks.prestart[0]"),
        ("outer", "outer", 3, "release", "state", "state directory"),
        ("outer", "outer", 4, "wait_exec", "", "process"),
        ("outer", "outer", 5, "supervise", "", "process"),
        ("outer", "outer", 6, "cleanup", "", "process"),
        ("inner", "inner", 0, "unshare", "", "linux.namespaces"),
        ("inner", "inner", 1, "await", "state", "process"),
        ("inner", "inner", 2, "execve", "", 'process.args[0] ("sh")'),
        ("outer", "cleanup", 0, "rmdir", "/sys/fs/cgroup/web", "linux.cgroupsPath"),
    ]
    assert [span.duration_ns // 1000 for span in trace.spans] == [10, 15, 50, 3, 22, 1000, 30, 10, 50, 20, 28]
    assert [span.begin_ns // 1000 for span in trace.spans] == [begin for begin, *_ in RECORDS]


def test_waiting_is_told_from_work() -> None:
    kinds = {span.name: span.kind for span in _trace().spans}
    assert {name for name, kind in kinds.items() if kind == WAIT} == {"hook", "wait_exec", "await"}
    assert kinds["supervise"] == CONTAINER
    assert kinds["mkdir"] == WORK


def test_every_kind_is_of_an_operation() -> None:
    assert set(_KIND) <= set(CODE)


def test_a_failure_says_whether_it_stopped_the_plan() -> None:
    plan = small_plan()
    plan.outer.steps[1].flags = IGNORE_ENOENT | IGNORE_EACCES
    records = _with(1, (110, 125, FAILED, 1))
    records[2] = (125, 175, FAILED, 0)
    records[4] = (178, 200, FAILED, 9999)
    results = {span.name: span.result for span in plan_trace(plan, trace_payload(records), 95000).spans}
    assert results["mkdir"] == "EEXIST (ignored)"
    assert results["clone"] == "EPERM (ignored)"
    assert results["hook"] == "failed"
    assert results["wait_exec"] == "errno 9999"
    assert results["rmdir"] == "EACCES (a warning)"


def test_what_was_not_run_has_no_span() -> None:
    assert "unshare" not in {span.name for span in _trace(*_with(7, (0, 0, NOT_RUN, 0))).spans}


def test_what_has_not_come_back_lasts_until_the_trace_was_sent() -> None:
    (span,) = (span for span in _trace(*_with(8, (130, 0, BEGUN, 0))).spans if span.name == "await")
    assert (span.end_ns // 1000, span.result) == (1300, NOT_FINISHED)


def test_execve_ends_when_the_outer_process_has_seen_it() -> None:
    (span,) = (span for span in _trace().spans if span.name == "execve")
    assert (span.end_ns // 1000, span.result) == (200, OK)


def test_execve_without_that_is_not_finished() -> None:
    (span,) = (span for span in _trace(*_with(4, (178, 200, FAILED, 0))).spans if span.name == "execve")
    assert (span.end_ns // 1000, span.result) == (1300, NOT_FINISHED)


@pytest.mark.parametrize(
    "record",
    [
        (94, 110, SUCCEEDED, 0),  # before the plan was sent
        (100, 99, SUCCEEDED, 0),  # backwards
        (100, 1301, SUCCEEDED, 0),  # after the message was
        (1301, 1301, SUCCEEDED, 0),
        (1301, 0, BEGUN, 0),
        (100, 110, 4, 0),  # no state
    ],
)
def test_a_record_that_cannot_be_true_is_counted_and_left_out(record: Record) -> None:
    trace = _trace(*_with(0, record))
    assert trace.invalid == 1
    assert trace.spans[0].name == "clone"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "the executor sent a trace of 0 bytes for 11 operations"),
        (trace_payload()[:-1], "the executor sent a trace of 287 bytes for 11 operations"),
        (trace_payload() + b"\0", "the executor sent a trace of 289 bytes for 11 operations"),
        (trace_payload(counts=(3, 7, 1)), "the executor sent the trace of another plan"),
    ],
)
def test_a_message_about_something_else_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(Unavailable) as caught:
        plan_trace(small_plan(), payload, 0)
    assert caught.value.message == message


def test_what_lets_a_wait_end_is_known() -> None:
    pairs = {(cause.name, effect.name) for cause, effect in causes(_trace().spans)}
    assert pairs == {("clone", "unshare"), ("release", "await"), ("execve", "wait_exec")}


def test_nothing_is_the_cause_of_what_came_before_it() -> None:
    trace = _trace(*_with(8, (130, 140, SUCCEEDED, 0)))
    assert ("release", "await") not in {(cause.name, effect.name) for cause, effect in causes(trace.spans)}
