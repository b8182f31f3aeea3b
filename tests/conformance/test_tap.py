"""Tests of the reader of the suite's output."""

from __future__ import annotations

from .tap import Check, parse


def test_points_are_read_in_order() -> None:
    output = parse("TAP version 13\nok 1 - has a host name\nnot ok 2 - has a limit\n1..2\n")
    assert output.checks == [Check("has a host name", is_ok=True), Check("has a limit", is_ok=False)]
    assert output.planned == 2


def test_a_skipped_point_is_no_failure_and_no_pass() -> None:
    (check,) = parse("ok 3 # SKIP linux.sysctl not set\n").checks
    assert check == Check("linux.sysctl not set", is_ok=True, is_skipped=True)


def test_a_todo_that_fails_is_no_failure() -> None:
    (check,) = parse("not ok 1 # TODO later\n").checks
    assert check.is_ok
    assert check.is_skipped


def test_an_error_belongs_to_the_point_before_it() -> None:
    output = parse('not ok 1 - delete\n  ---\n  {\n    "error": "exit status 1"\n  }\n  ...\n1..1\n')
    assert output.checks[0].error == "exit status 1"
    assert output.errors == []


def test_an_error_without_a_point_is_kept() -> None:
    output = parse('TAP version 13\n  ---\n  {\n    "error": "signal: broken pipe"\n  }\n  ...\n1..0\n')
    assert output.errors == ["signal: broken pipe"]
    assert output.planned == 0


def test_points_inside_a_block_are_not_read() -> None:
    output = parse('ok 1\n  ---\n  {"stdout": "x"}\nnot ok 2 - inside\n  ...\n1..1\n')
    assert [check.is_ok for check in output.checks] == [True]


def test_a_block_that_is_no_json_and_lines_of_no_protocol_are_left_out() -> None:
    output = parse("panic: something\n  ---\n  key: value\n  ...\n# expect: 10\nok 1 - a\n")
    assert output.checks == [Check("a", is_ok=True)]
    assert output.errors == []
    assert output.planned is None
