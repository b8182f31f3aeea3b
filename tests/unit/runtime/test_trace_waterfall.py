"""The waterfall as people read it."""

from __future__ import annotations

import re
from pathlib import Path

from orlop.runtime.trace_spans import plan_trace
from orlop.runtime.trace_waterfall import waterfall

from .traces import BEGUN, NOT_RUN, RECORDS, SUCCEEDED, phases, small_plan, trace_payload

_WHOLE = """\
run container "web": 0.230 ms, 11 operations
  planner     0.095 ms
  outer       0.128 ms, of which it waited 0.072 ms
  inner       0.080 ms, of which it waited 0.050 ms
  the container ran for 1.000 ms, which is left out below
    begin      took  track    |# work  . wait                  |
    0.000     0.005  planner  |#                               | hello
    0.005     0.075  planner  |###########                     | compile
    0.080     0.015  planner  |           ##                   | encode
    0.100     0.010  outer    |             ##                 | mkdir /sys/fs/cgroup/web [EEXIST (ignored)] \
(linux.cgroupsPath)
    0.110     0.015  outer    |               ##               | clone (linux.namespaces)
    0.120     0.010  inner    |                ##              | unshare (linux.namespaces)
    0.125     0.050  outer    |                 .......        | hook /bin/hook (hooks.prestart[0])
    0.130     0.050  inner    |                  .......       | await state (process)
    0.175     0.003  outer    |                        #       | release state (state directory)
    0.178     0.022  outer    |                        ....    | wait_exec (process)
    0.180     0.020  inner    |                         ###    | execve (process.args[0] ("sh"))
    0.200     1.000  outer    |                           ~    | supervise (process)
    0.200     0.030  outer    |                           #####| cleanup (process)
    0.201     0.028  outer    |                           #####| rmdir /sys/fs/cgroup/web [EACCES (a warning)] \
(linux.cgroupsPath)
"""


def test_the_whole_of_a_small_run() -> None:
    assert waterfall("orun run", phases(), [plan_trace(small_plan(), trace_payload(), 0)]) == _WHOLE


_DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "trace.md"
_FIRST = re.compile(r'\w+ container "\w+": \d+\.\d{3} ms, \d+ operations; the 25 slowest steps')
_SUM = re.compile(r"  (\w+) +\d+\.\d{3} ms(, of which it waited \d+\.\d{3} ms)?")
_RAN = re.compile(r"  the container ran for \d+\.\d{3} ms, which is left out below")
_HEAD = "    begin      took  track    |# work  . wait                  |"
_ROW = re.compile(r" *\d+\.\d{3} +\d+\.\d{3}  (planner|outer  |inner  )  \| *([#.~])\2* *\| [a-z_]+( .*)?")


def _assert_structure(lines: list[str], rows: int) -> None:
    assert [bool(_SUM.fullmatch(line)) for line in lines[1:4]] == [True] * 3
    assert _RAN.fullmatch(lines[4])
    assert lines[5] == _HEAD
    assert len(lines[6:]) == rows
    for line in lines[6:]:
        assert _ROW.fullmatch(line), line
        assert (line.index("|"), line.index("|", 31)) == (_HEAD.index("|"), _HEAD.rindex("|"))


def test_the_documentation_shows_what_is_printed() -> None:
    text = _DOCUMENT.read_text(encoding="utf-8")
    block = text.split("    # orun --trace - run web\n")[1].split("\n\n")[0]
    lines = [line.removeprefix("    ") for line in block.splitlines()]
    assert _FIRST.fullmatch(lines[0])
    _assert_structure(lines, 25)
    _assert_structure(_WHOLE.splitlines(), 14)


def test_only_the_slowest_stand_there_in_the_order_of_time() -> None:
    text = waterfall("orun run", phases(), [plan_trace(small_plan(), trace_payload(), 0)], rows=4)
    assert text.splitlines()[0] == 'run container "web": 0.230 ms, 11 operations; the 4 slowest steps'
    names = [line.rsplit("| ", 1)[1].split()[0] for line in text.splitlines()[6:]]
    assert names == ["compile", "hook", "await", "supervise"]


def test_a_plan_that_stopped_says_how_far_it_came() -> None:
    records = [*RECORDS[:3], *[(0, 0, NOT_RUN, 0)] * 5, (130, 0, BEGUN, 0), *[(0, 0, NOT_RUN, 0)] * 2]
    lines = waterfall("orun run", [], [plan_trace(small_plan(), trace_payload(records, now=180), 0)]).splitlines()
    assert lines[0] == 'run container "web": 0.080 ms, 11 operations, 4 of them begun'
    assert lines[-1].endswith("await state [not finished] (process)")


def test_a_record_that_cannot_be_true_is_told() -> None:
    trace = plan_trace(small_plan(), trace_payload([(1, 0, SUCCEEDED, 0), *RECORDS[1:]]), 0)
    first = waterfall("orun run", [], [trace]).splitlines()[0]
    assert first.endswith("11 operations, 10 of them begun, 1 told with times that cannot be")


def test_a_request_without_a_plan_has_the_name_of_the_command() -> None:
    lines = waterfall("orun state", phases(), []).splitlines()
    assert lines[0] == "orun state: 0.095 ms, 0 operations"
    assert len(lines) == 3 + 3


def test_a_long_path_keeps_its_end() -> None:
    plan = small_plan()
    plan.outer.steps[0].s0 = "/long" * 20 + "/end"
    text = waterfall("orun run", [], [plan_trace(plan, trace_payload(), 0)])
    assert "mkdir ...g/long/long/long/long/long/long/long/long/end [" in text


def test_nothing_in_it_moves_a_terminal_or_forges_a_line() -> None:
    plan = small_plan()
    plan.subject = "cannot run\x1b[2J\n"
    plan.outer.steps[0].s0 = "/\x1b\nouter"
    plan.outer.steps[0].field = "hooks\x1b\n"
    text = waterfall("orun run", [], [plan_trace(plan, trace_payload(), 0)])
    assert text.isprintable() is False  # its own newlines
    assert text.replace("\n", "").isprintable()
    assert len(text.splitlines()) == len(_WHOLE.splitlines()) - 4


def test_nothing_at_all_is_no_text() -> None:
    assert waterfall("orun run", [], []) == ""
