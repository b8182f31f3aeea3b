"""The list of what peers do otherwise: that it names tests that exist, and how a listed test is judged."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .difference import Difference, difference_of, expect, judge_leftovers
from .differences import DIFFERENCES
from .differences_page import page

_REPOSITORY = Path(__file__).resolve().parents[2]
_FAILS = Difference("it fails", ("test_x.py::test_one", "test_x.py::test_two[a]"))
_LEAVES = Difference("it leaves cgroups", ("test_x.py::test_three",), leaves=True)


def test_the_page_says_what_the_list_says() -> None:
    assert (_REPOSITORY / "docs/e2e-peers.md").read_text(encoding="utf-8") == page()


def _own_case(match: re.Match[str]) -> str:
    return f"[{match[1]}]" if match[1] else ""


def test_every_listed_test_exists() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/e2e"]
    out = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, text=True, check=True, timeout=120).stdout
    # As it is called on a peer, which has no ways of planning.
    cases = {
        re.sub(r"\[(?:cold|warm)(?:-(.*))?\]$", _own_case, line.removeprefix("tests/e2e/")) for line in out.splitlines()
    }
    names = cases | {case.split("[", 1)[0] for case in cases}
    for peer, differences in DIFFERENCES.items():
        assert {name for one in differences for name in one.tests} - names == set(), peer


@pytest.mark.parametrize("peer", DIFFERENCES)
def test_no_test_is_listed_twice(peer: str) -> None:
    listed = Counter(name for one in DIFFERENCES[peer] for name in one.tests)
    assert [name for name, count in listed.items() if count > 1] == []
    assert [name for name in listed if "[" in name and name.split("[", 1)[0] in listed] == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("test_one", _FAILS),
        ("test_one[any]", _FAILS),
        ("test_two[a]", _FAILS),
        ("test_two[b]", None),
        ("test_two", None),
        ("test_three", _LEAVES),
    ],
)
def test_a_test_is_listed_with_all_its_cases_or_by_case(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, name: str, found: Difference | None
) -> None:
    monkeypatch.setattr(request.node, "path", Path("test_x.py"))
    monkeypatch.setattr(request.node, "name", name)
    assert difference_of(request.node, (_FAILS, _LEAVES)) is found


def test_a_difference_that_this_machine_does_not_show_is_none(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(request.node, "path", Path("test_x.py"))
    monkeypatch.setattr(request.node, "name", "test_one")
    elsewhere = Difference("elsewhere", ("test_x.py::test_one",), is_here=lambda: False)
    assert difference_of(request.node, (elsewhere,)) is None


class _Marks:
    """Takes the place of an item, and keeps the markers it is given."""

    def __init__(self) -> None:
        self.marks: list[pytest.Mark] = []

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        self.marks.append(marker.mark)


@pytest.mark.parametrize(("varies", "strict"), [("", True), ("a race decides", False)])
def test_a_listed_test_must_fail_unless_a_race_decides(varies: str, strict: bool) -> None:
    marks = _Marks()
    expect(marks, Difference("it fails", ("x",), varies=varies))
    assert [(mark.name, mark.kwargs) for mark in marks.marks] == [("xfail", {"reason": "it fails", "strict": strict})]


def _report(when: str, outcome: str) -> pytest.TestReport:
    return pytest.TestReport("id", ("file", 1, "test"), {}, outcome, None, when)  # type: ignore[arg-type]  # two words


@pytest.mark.parametrize(
    ("when", "before", "varies", "after"),
    [
        ("teardown", "failed", "", "skipped"),
        ("teardown", "passed", "", "failed"),
        ("teardown", "passed", "a race decides", "passed"),
        ("call", "failed", "", "failed"),
        ("call", "passed", "", "passed"),
    ],
)
def test_what_is_left_is_judged_after_the_test(when: str, before: str, varies: str, after: str) -> None:
    report = _report(when, before)
    judge_leftovers(report, Difference("it leaves cgroups", ("x",), leaves=True, varies=varies))
    assert report.outcome == after
    assert getattr(report, "wasxfail", None) == ("it leaves cgroups" if after == "skipped" else None)


def test_a_test_that_leaves_something_is_not_expected_to_fail_itself() -> None:
    marks = _Marks()
    expect(marks, _LEAVES)
    assert marks.marks == []
