"""Tests of the list of known failures, and of how results are held against it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .known import FILE, WHOLE_PROGRAM, Expectations, deviations, failures_of, load, passed_by_a_peer, without_races
from .run import Result
from .tap import Check


def _entry(**changes: Any) -> dict[str, Any]:
    return {"program": "a", "checks": {"one": 1}, "kind": "suite", "reason": "why"} | changes


def _expect(*entries: dict[str, Any]) -> Expectations:
    return load(json.dumps({"failures": entries, "races": {}}))


def _result(*failed: str, program: str = "a", failure: str = "") -> Result:
    return Result(program, [Check(name, is_ok=False) for name in failed] + [Check("fine", is_ok=True)], failure)


def test_the_list_is_complete() -> None:
    expectations = load(FILE.read_text(encoding="utf-8"))
    assert all(known.checks and known.reason for known in expectations.failures)
    assert all(count > 0 for known in expectations.failures for count in known.checks.values())
    assert all(race.reason and race.tries for race in expectations.races.values())


def test_results_as_recorded_are_no_deviation() -> None:
    assert deviations({"orun": [_result("one")]}, "orun", _expect(_entry()), []) == []


def test_a_failure_that_is_not_recorded_is_one() -> None:
    (line,) = deviations({"orun": [_result("one", "two")]}, "orun", _expect(_entry()), [])
    assert line == "a: two: fails 1 times more than known.json knows"


def test_more_failures_of_a_check_than_recorded_are_one() -> None:
    (line,) = deviations({"orun": [_result("one", "one", "one")]}, "orun", _expect(_entry()), [])
    assert line == "a: one: fails 2 times more than known.json knows"


def test_a_recorded_failure_that_does_not_happen_is_one() -> None:
    (line,) = deviations({"orun": [_result()]}, "orun", _expect(_entry()), [])
    assert line == "a: one: is in known.json, and 1 of it did not happen: remove it"


def test_a_program_that_fails_as_a_whole_says_why() -> None:
    (line,) = deviations({"orun": [_result(failure="exit status 1: no")]}, "orun", _expect(), [])
    assert line == f"a: {WHOLE_PROGRAM}: fails 1 times more than known.json knows (exit status 1: no)"


def test_a_failure_that_depends_on_the_machine_is_expected_there_only() -> None:
    expectations = _expect(_entry(when="no CAP_X", kind="machine"))
    assert deviations({"orun": [_result("one")]}, "orun", expectations, ["no CAP_X"]) == []
    assert deviations({"orun": [_result()]}, "orun", expectations, []) == []
    assert deviations({"orun": [_result("one")]}, "orun", expectations, []) != []


def test_programs_that_did_not_run_are_not_missed() -> None:
    assert deviations({"orun": [_result(program="b")]}, "orun", _expect(_entry()), []) == []


def test_a_program_that_races_may_pass_or_fail_as_recorded() -> None:
    text = json.dumps({"failures": [_entry()], "races": {"a": {"reason": "why", "tries": 2}}})
    expectations = load(text)
    for result in (_result("one"), _result()):
        assert deviations({"orun": [result], "runc": [_result()]}, "orun", expectations, []) == []
    assert deviations({"orun": [_result("two")]}, "orun", expectations, []) != []
    assert without_races({"orun": [_result("one"), _result(program="b")]}, expectations) == {
        "orun": [_result(program="b")]
    }


def test_what_a_peer_passes_needs_a_quote_of_the_specification() -> None:
    results = {"orun": [_result("one")], "runc": [_result()]}
    assert passed_by_a_peer(results, "orun") == ["a"]
    (line,) = deviations(results, "orun", _expect(_entry()), [])
    assert "quotes the specification" in line
    for kind in ("spec", "later"):
        assert deviations(results, "orun", _expect(_entry(kind=kind, quote="MUST")), []) == []


def test_failures_are_counted_by_program_and_check() -> None:
    assert failures_of([_result("one", "one", failure="x")]) == {("a", "one"): 2, ("a", WHOLE_PROGRAM): 1}


@pytest.mark.parametrize(
    ("entry", "message"), [(_entry(kind="other"), "is none of"), (_entry(kind="spec"), "it is quoted")]
)
def test_an_incomplete_entry_is_an_error(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _expect(entry)
