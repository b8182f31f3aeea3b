"""Tests of the document."""

from __future__ import annotations

import json

from .known import load
from .report import Conditions, are_comparable, difference, document, summary
from .run import Result
from .tap import Check

_CONDITIONS = Conditions("v0.9.0", ["cgroup v1", "no CAP_X"], ["orun 1", "runc 2"])
_KNOWN = load(
    json.dumps(
        {
            "races": {"c": {"tries": 2, "reason": "luck"}},
            "failures": [
                {"program": "a", "checks": {"x | y": 2}, "kind": "spec", "reason": "new", "quote": "It MUST"},
                {"program": "b", "checks": {"z": 1}, "kind": "machine", "reason": "lack", "when": "no CAP_Y"},
            ],
        }
    )
)


def _results() -> dict[str, list[Result]]:
    bad, good = Check("x | y", is_ok=False), Check("fine", is_ok=True)
    skipped = Check("not here", is_ok=True, is_skipped=True)
    return {
        "orun": [Result("a", [bad, bad, good]), Result("b", [good]), Result("c", [bad])],
        "runc": [
            Result("a", [good, good, good]),
            Result("b", [good, skipped], "exit status 1: no"),
            Result("c", [good]),
        ],
    }


def _lines() -> list[str]:
    return document(_results(), _CONDITIONS, _KNOWN).splitlines()


def test_totals_count_programs_and_checks() -> None:
    assert summary(_results())[2:] == ["| orun | 2 | 3 | 0 | 2 of 3 |", "| runc | 5 | 1 | 1 | 1 of 3 |"]


def test_a_program_that_races_is_told_and_left_out_of_the_tables() -> None:
    lines = _lines()
    assert "- `c`: luck" in lines
    assert not any(line.startswith("| `c`") for line in lines)
    assert "| orun | 2 | 2 | 0 | 1 of 2 |" in lines
    whole = "All 3 programs of the suite were run. Those that race ([below](#programs-that-race)) are not counted: `c`."
    assert whole in lines


def test_each_program_has_a_row_with_the_results_side_by_side() -> None:
    lines = _lines()
    assert "| `a` | 1 / 2 / 0 | 3 / 0 / 0 |" in lines
    assert "| `b` | 1 / 0 / 0 | 1 / 1 / 1 |" in lines


def test_each_check_that_failed_somewhere_has_a_row() -> None:
    lines = _lines()
    assert "| `a` | x \\| y | 2 |  |" in lines
    assert "| `b` | *the program as a whole* |  | 1 |" in lines


def test_a_failure_of_ours_has_its_reason_and_the_quote() -> None:
    lines = _lines()
    assert '| `a` | x \\| y (2 times) | the specification says otherwise | new<br>"It MUST" |' in lines
    assert "Programs that runc or crun passes and orun does not: `a`." in lines
    assert not any("lack" in line for line in lines)  # of another machine


def test_the_kinds_of_reasons_are_counted() -> None:
    assert "- 2: the specification says otherwise" in _lines()


def test_the_fields_are_in_it() -> None:
    assert any(line.startswith("| `linux.resources.memory.limit` | supported") for line in _lines())


def test_the_same_document_is_no_difference() -> None:
    text = "\n".join(_lines())
    assert difference(text, text) == []


def test_a_result_that_changed_is_a_difference() -> None:
    text = "\n".join(_lines())
    lines = difference(text, text.replace("| `a` | 1 / 2 / 0", "| `a` | 3 / 0 / 0"))
    assert "make conformance writes it" in lines[0]
    assert any(line.startswith("+| `a` | 3 / 0 / 0") for line in lines)


def test_the_luck_of_a_peer_is_no_difference() -> None:
    text = "\n".join(_lines())
    lucky = "\n".join(line for line in _lines() if "*the program as a whole*" not in line)
    assert lucky != text
    assert difference(text, lucky) == []


def test_under_other_conditions_only_the_fields_are_compared() -> None:
    text = "\n".join(_lines())
    other = document(_results(), Conditions("v0.9.0", ["cgroup v2"], ["orun 1", "runc 3"]), _KNOWN).strip()
    assert not are_comparable(text, other)
    assert difference(text, other.replace("| `a` | 1 / 2 / 0", "| `a` | 3 / 0 / 0")) == []
    assert difference(text, other.replace("| `hostname` | supported", "| `hostname` | an error")) != []
