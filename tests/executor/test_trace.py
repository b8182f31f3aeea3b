"""The trace of a plan: what orun measures, when it tells it, and that it changes nothing else."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, NamedTuple

import pytest
from plan_file import CLONE_NEWNS, Container, Executor, Plan, execute, hook, new_plan, shell_container
from test_front import DONE, FAIL, PLAN, PLAN_KEEP, WARN, WRITE, Front, exit_frame, frame

from orlop.plan.operations import BEST_EFFORT

if TYPE_CHECKING:
    from pathlib import Path

TRACE = 8
PLAN_TRACE = 1
NOT_RUN, BEGUN, SUCCEEDED, FAILED = range(4)
CLONE_NEWTIME = 0x80
HOUR_NS = 3600 * 10**9

_HEADER = struct.Struct("<4IQ")
_RECORD = struct.Struct("<QQIi")


class Told(NamedTuple):
    """One record."""

    begin_ns: int
    end_ns: int
    state: int
    error: int


class Trace:
    """A TRACE message taken apart: the records of each section."""

    def __init__(self, payload: bytes) -> None:
        *counts, zero, self.now_ns = _HEADER.unpack_from(payload)
        assert zero == 0
        records = [Told(*one) for one in _RECORD.iter_unpack(payload[_HEADER.size :])]
        assert len(records) == sum(counts)
        self.outer = records[: counts[0]]
        self.inner = records[counts[0] : counts[0] + counts[1]]
        self.cleanup = records[counts[0] + counts[1] :]

    def assert_in_order(self, records: list[Told]) -> None:
        """Each of these has run, after the one before it, and in the past."""
        times = [time for one in records for time in (one.begin_ns, one.end_ns)]
        assert times == sorted(times)
        assert times[0] > self.now_ns - HOUR_NS
        assert times[-1] <= self.now_ns


@pytest.fixture
def front(orun: Path, tmp_path: Path) -> Front:
    directory = tmp_path / "installed"
    directory.mkdir()
    return Front(orun, directory)


def traced(plan: Plan, flags: int = 0) -> bytes:
    plan.flags = PLAN_TRACE | flags
    return frame(PLAN, plan.encode())


def words(text: str = "") -> bytes:
    return frame(WRITE, struct.pack("<I", 2) + text.encode())


def test_a_trace_has_the_times_of_both_processes(front: Front, root: Path) -> None:
    front.says(traced(shell_container(root, "exit 7")), words("the trace\n"))
    outcome = front.run("run", "c")
    assert (outcome.code, outcome.stderr) == (7, "the trace\n")
    (_, told, done) = front.heard()
    assert (told[0], done[0]) == (TRACE, DONE)
    trace = Trace(told[1])
    assert {one.state for one in trace.outer} == {SUCCEEDED}
    assert {one.state for one in trace.inner[:-1]} == {SUCCEEDED}
    assert trace.inner[-1].state == BEGUN  # execve
    assert trace.cleanup == [(0, 0, NOT_RUN, 0)]
    trace.assert_in_order(trace.outer)
    trace.assert_in_order(trace.inner[:-1])
    clone, wait_exec, supervise = trace.outer[2:]
    assert clone.begin_ns <= trace.inner[0].begin_ns
    assert trace.inner[-1].begin_ns <= wait_exec.end_ns <= supervise.begin_ns


def test_a_failure_is_told_after_the_trace_of_what_led_to_it(front: Front, root: Path) -> None:
    container = Container(root)
    failing = container.inner.add("mkdir", s0="/nonexistent/child", n0=0o755)
    execute(container.inner, ["/bin/true"])
    front.says(traced(container.plan_with_wait()), words(), exit_frame(5))
    assert front.run("run", "c").code == 5
    (_, told, failed) = front.heard()
    assert (told[0], failed[0]) == (TRACE, FAIL)
    trace = Trace(told[1])
    assert [one.state for one in trace.inner] == [SUCCEEDED] * failing + [FAILED, NOT_RUN, NOT_RUN]
    assert trace.inner[failing].error == errno.ENOENT
    assert [one.state for one in trace.outer] == [SUCCEEDED] * 3 + [
        FAILED
    ]  # open_tree, mount_setattr, clone, wait_exec
    assert [one.state for one in trace.cleanup] == [SUCCEEDED]
    assert trace.cleanup[0].begin_ns >= trace.outer[-1].end_ns


def test_a_failure_that_stops_nothing_is_in_the_trace(front: Front) -> None:
    plan = new_plan()
    plan.outer.add("mkdir", s0="/nonexistent/child", flags=BEST_EFFORT)
    plan.outer.add("umask")
    front.says(traced(plan), words())
    assert front.run("state").code == 0
    (_, warned, told, _) = front.heard()
    assert (warned[0], told[0]) == (WARN, TRACE)
    trace = Trace(told[1])
    assert [(one.state, one.error) for one in trace.outer] == [(FAILED, errno.ENOENT), (SUCCEEDED, 0)]


def test_the_planner_of_a_trace_stays_until_the_end(front: Front) -> None:
    plan = new_plan()
    plan.outer.add("detach_planner")
    hook(plan.outer, ["/bin/sh", "-c", "exit 0"])
    plan.outer.add("cleanup")
    plan.cleanup.add("umask")
    front.says(traced(plan), words())
    assert front.run("state").code == 0
    assert [kind for kind, _ in front.heard()] == [1, TRACE, DONE]
    trace = Trace(front.heard()[1][1])
    assert [one.state for one in (*trace.outer, *trace.cleanup)] == [SUCCEEDED] * 4
    cleanup = trace.outer[-1]
    assert cleanup.begin_ns <= trace.cleanup[0].begin_ns <= trace.cleanup[0].end_ns <= cleanup.end_ns


def test_a_planner_that_ends_instead_of_an_answer_changes_nothing(front: Front, root: Path) -> None:
    front.says(traced(shell_container(root, "exit 7")))
    outcome = front.run("run", "c")
    assert (outcome.code, outcome.stderr) == (7, "")
    assert [kind for kind, _ in front.heard()] == [1, TRACE]


def test_a_plan_without_the_flag_is_not_traced(front: Front, root: Path) -> None:
    front.says(frame(PLAN, shell_container(root, "exit 7").encode()))
    assert front.run("run", "c").code == 7
    assert [kind for kind, _ in front.heard()] == [1, DONE]


def test_each_of_two_plans_has_its_own_trace(front: Front) -> None:
    first, second = new_plan(), new_plan()
    first.outer.add("umask")
    second.outer.add("umask")
    second.outer.add("umask")
    front.says(traced(first, PLAN_KEEP), words(), traced(second), words())
    assert front.run("state").code == 0
    traces = [Trace(payload) for kind, payload in front.heard() if kind == TRACE]
    assert [[one.state for one in trace.outer] for trace in traces] == [[SUCCEEDED], [SUCCEEDED, SUCCEEDED]]
    assert traces[0].outer[0].end_ns <= traces[1].outer[0].begin_ns


def test_a_time_namespace_does_not_move_the_times(front: Front, root: Path) -> None:
    container = Container(root, CLONE_NEWNS)
    container.inner.add("unshare", n0=CLONE_NEWTIME)
    container.inner.add("write_self_proc", s0="timens_offsets", blob=b"monotonic 86400 0\n")
    container.inner.add("refork")
    container.inner.add("umask")
    plan = container.run_in_foreground(["/bin/true"])
    front.says(traced(plan), words())
    outcome = front.run("run", "c")
    assert (outcome.code, outcome.stderr) == (0, "")
    trace = Trace(front.heard()[1][1])
    assert {one.state for one in trace.inner[:-1]} == {SUCCEEDED}
    trace.assert_in_order(trace.inner[:-1])


def test_without_a_planner_the_flag_means_nothing(executor: Executor, root: Path) -> None:
    plan = shell_container(root, "echo here")
    plan.flags = PLAN_TRACE
    assert executor.run(plan).assert_success().stdout == "here\n"
