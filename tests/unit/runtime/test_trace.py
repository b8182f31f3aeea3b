"""What `--trace` gathers during a request, and where it goes."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument, KernelError
from orlop.runtime.protocol import ExecutorFailed, Hello
from orlop.runtime.trace import Trace

from .fake_executor import DONE, FAIL, PLAN, TRACE, WRITE, decode_plan, frame, report
from .traces import NOT_RUN, SUCCEEDED, small_plan, trace_payload

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orun
    from .fake_executor import ExecutorEnd

_LATE = 1 << 50  # microseconds: after everything that this process does
_RECORDS = [(_LATE, _LATE + 1, SUCCEEDED, 0), *[(0, 0, NOT_RUN, 0)] * 10]


def _hello(cwd: str) -> Hello:
    hello = Hello(["orun"], {}, cwd, umask=0o022, pid=42)
    hello.began_ns, hello.heard_ns = 1000, 2000
    return hello


def _trace(path: Path | str) -> Trace:
    return Trace(str(path), "run", _hello("/"))


def _payload() -> bytes:
    return trace_payload(_RECORDS, now=_LATE + 2)


def _names(path: Path) -> list[str]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    return [event["name"] for event in document["traceEvents"] if event["ph"] == "X"]


def test_the_phases_of_the_planner_and_the_plan_come_into_the_file(tmp_path: Path) -> None:
    trace = _trace(tmp_path / "t.json")
    trace.phase("parse")
    trace.phase("compile")
    plan = small_plan()
    trace.encode(plan)
    assert plan.is_traced
    assert trace.take(plan, _payload()) == ""
    assert _names(tmp_path / "t.json") == ["hello", "arguments", "parse", "compile", "encode", "mkdir"]
    assert trace.finish() == "", "it is told already"


def test_without_a_plan_the_phases_alone_are_written(tmp_path: Path) -> None:
    trace = _trace(tmp_path / "t.json")
    trace.phase("parse")
    assert trace.finish() == ""
    assert _names(tmp_path / "t.json") == ["hello", "arguments", "parse"]


def test_a_second_plan_is_written_with_the_first(tmp_path: Path) -> None:
    trace = _trace(tmp_path / "t.json")
    for _ in range(2):
        plan = small_plan()
        trace.encode(plan)
        trace.take(plan, _payload())
    assert _names(tmp_path / "t.json") == ["hello", "arguments", "encode", "encode", "mkdir", "mkdir"]


def test_a_second_plan_is_printed_alone() -> None:
    trace = _trace("-")
    plan = small_plan()
    trace.encode(plan)
    assert "hello" in trace.take(plan, _payload())
    second = trace.take(plan, _payload())
    assert "mkdir" in second
    assert "hello" not in second


def test_a_name_in_txt_wants_text(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    _trace(path).finish()
    assert path.read_text(encoding="ascii").startswith("orun run: ")


def test_an_older_and_longer_file_is_replaced_when_there_is_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("x" * 100_000, encoding="ascii")
    trace = _trace(path)
    assert path.stat().st_size == 100_000
    trace.finish()
    assert _names(path) == ["hello", "arguments"]


def test_a_new_file_is_not_executable_and_a_relative_name_is_the_callers(tmp_path: Path) -> None:
    Trace("t.json", "run", _hello(str(tmp_path))).finish()
    assert stat.S_IMODE((tmp_path / "t.json").stat().st_mode) & 0o133 == 0


def test_a_pipe_takes_a_trace_too(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    _trace(fifo).finish()
    document = json.loads(os.read(reader, 1 << 16))
    os.close(reader)
    assert document["otherData"]["command"] == "orun run"


def test_a_pipe_that_nobody_reads_is_an_error_and_no_wait(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.json"
    os.mkfifo(fifo)
    with pytest.raises(KernelError) as caught:
        _trace(fifo)
    assert str(caught.value) == f"--trace: open {fifo}: ENXIO (No such device or address)"


def test_no_name_is_an_error() -> None:
    with pytest.raises(InvalidArgument) as caught:
        _trace("")
    assert str(caught.value) == ("--trace: no file is named; give a file that can be written, or - for standard error")


def test_a_disk_that_is_full_is_a_warning() -> None:
    assert _trace("/dev/full").finish() == (
        "orun: warning: --trace: write /dev/full: ENOSPC (No space left on device)\n"
    )


def test_a_trace_that_makes_no_sense_is_a_warning() -> None:
    plan = small_plan()
    assert _trace("-").take(plan, b"") == (
        "orun: warning: --trace: the executor sent a trace of 0 bytes for 11 operations\n"
    )


def test_the_trace_of_a_plan_is_asked_for_and_answered(executor: ExecutorEnd, tmp_path: Path) -> None:
    executor.connection.trace = _trace(tmp_path / "t.json")
    executor.say(frame(TRACE, _payload()), frame(DONE))
    executor.connection.execute(small_plan())
    (sent, answer) = executor.frames()
    assert sent[0] == PLAN
    assert decode_plan(sent[1]).flags == 1
    assert answer == (WRITE, b"\x02\0\0\0")
    assert "mkdir" in _names(tmp_path / "t.json")


def test_the_trace_of_a_failure_comes_before_its_error(executor: ExecutorEnd) -> None:
    executor.connection.trace = _trace("-")
    executor.say(frame(TRACE, _payload()), report(FAIL, "mkdir", errno=13))
    with pytest.raises(ExecutorFailed):
        executor.connection.execute(small_plan())
    assert b"mkdir" in executor.frames()[1][1]


def test_without_the_flag_nothing_is_asked_for(executor: ExecutorEnd) -> None:
    executor.say(frame(TRACE, _payload()), frame(DONE))
    executor.connection.execute(small_plan())
    ((kind, payload),) = executor.frames()
    assert (kind, decode_plan(payload).flags) == (PLAN, 0)


def test_a_file_that_cannot_be_opened_is_an_error_before_anything_is_done(orun: Orun, root: Path) -> None:
    outcome = orun("--trace", "/nonexistent/t.json", "run", "web")
    assert (outcome.code, outcome.plans) == (1, [])
    assert outcome.err == (
        "orun: --trace: open /nonexistent/t.json: ENOENT (No such file or directory);"
        " see which part of the path is missing\n"
    )
    assert not root.exists()


def test_an_error_of_the_planner_has_a_trace_too(orun: Orun, tmp_path: Path) -> None:
    outcome = orun("--trace", "t.json", "state", "web")
    assert outcome.err == 'orun: container "web" does not exist; see orun list\n'
    assert _names(tmp_path / "t.json") == ["hello", "arguments"]


def test_text_comes_before_the_error(orun: Orun) -> None:
    err = orun("--trace", "-", "state", "web").err
    assert err.startswith("orun state: ")
    assert err.endswith('\norun: container "web" does not exist; see orun list\n')


@pytest.mark.parametrize("words", [["--trace", "t.json"], []])
def test_the_answer_is_the_same_with_a_trace(orun: Orun, words: list[str]) -> None:
    outcome = orun(*words, "list", "-q")
    assert (outcome.code, outcome.out, outcome.err, outcome.is_answered) == (0, "", "", True)
