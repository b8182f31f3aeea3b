"""The failures of ours that are known: known.json has them with their reasons, and here they are held against results.

A failure that is not in the list is an error, and so is one in the list that does not happen any more, except where the
program races and either can happen.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .run import Result

FILE = Path(__file__).with_name("known.json")
WHOLE_PROGRAM = "the program"

# What a reason amounts to, and how the report says so.
KINDS = {
    "spec": "the specification says otherwise",
    "suite": "the suite is wrong",
    "machine": "this machine lacks it",
    "peers": "as runc and crun do",
    "later": "not supported yet",
}


@dataclass(frozen=True)
class Known:
    """Failures of one program that have one reason. `when` is the machine's fact that they depend on, or ""."""

    program: str
    checks: Mapping[str, int]
    kind: str
    reason: str
    quote: str
    when: str


@dataclass(frozen=True)
class Race:
    """Why the result of a program is luck, and how often it may be tried until it passes."""

    reason: str
    tries: int


@dataclass(frozen=True)
class Expectations:
    """The whole of known.json."""

    failures: tuple[Known, ...]
    races: Mapping[str, Race]

    def on(self, facts: Sequence[str]) -> list[Known]:
        """What is expected on a machine of which these facts hold."""
        return [known for known in self.failures if not known.when or known.when in facts]


def load(text: str) -> Expectations:
    """The expectations that a file states.

    Raises:
        ValueError: an entry is not complete, or its kind is none of KINDS.
    """
    data = json.loads(text)
    failures = []
    for entry in data["failures"]:
        if entry["kind"] not in KINDS:
            raise ValueError(f"{entry['program']}: {entry['kind']} is none of {', '.join(KINDS)}")
        if entry["kind"] == "spec" and not entry.get("quote"):
            raise ValueError(f"{entry['program']}: where the specification says otherwise, it is quoted")
        failures.append(
            Known(
                program=entry["program"],
                checks=entry["checks"],
                kind=entry["kind"],
                reason=entry["reason"],
                quote=entry.get("quote", ""),
                when=entry.get("when", ""),
            )
        )
    return Expectations(tuple(failures), {name: Race(**race) for name, race in data["races"].items()})


def failures_of(results: Sequence[Result]) -> Counter[tuple[str, str]]:
    """How often each check failed, by program and check."""
    failed: Counter[tuple[str, str]] = Counter()
    for result in results:
        failed.update((result.program, check.description) for check in result.checks if not check.is_ok)
        if result.failure:
            failed[result.program, WHOLE_PROGRAM] += 1
    return failed


def deviations(
    results: Mapping[str, Sequence[Result]], ours: str, expectations: Expectations, facts: Sequence[str]
) -> list[str]:
    """What is not as it is recorded, one line each; empty when all is well."""
    expected: Counter[tuple[str, str]] = Counter()
    for known in expectations.on(facts):
        for check, count in known.checks.items():
            expected[known.program, check] += count
    ran = {result.program for result in results[ours]}
    expected = Counter({key: count for key, count in expected.items() if key[0] in ran})
    failed = failures_of(results[ours])
    why = {result.program: result.failure for result in results[ours]}
    lines = [
        f"{program}: {check}: fails {count} times more than {FILE.name} knows{_because(check, why[program])}"
        for (program, check), count in (failed - expected).items()
    ]
    lines += [
        f"{program}: {check}: is in {FILE.name}, and {count} of it did not happen: remove it"
        for (program, check), count in (expected - failed).items()
        if program not in expectations.races
    ]
    steady = without_races(results, expectations)
    return sorted(lines) + _without_quote(steady, ours, expectations.on(facts))


def _because(check: str, failure: str) -> str:
    return f" ({failure})" if check == WHOLE_PROGRAM else ""


def without_races(results: Mapping[str, Sequence[Result]], expectations: Expectations) -> dict[str, list[Result]]:
    """The results that are the same each time."""
    return {
        name: [result for result in found if result.program not in expectations.races]
        for name, found in results.items()
    }


def passed_by_a_peer(results: Mapping[str, Sequence[Result]], ours: str) -> list[str]:
    """The programs that another runtime passes and ours does not."""
    passed = {result.program for name in results if name != ours for result in results[name] if not result.failed}
    return [result.program for result in results[ours] if result.failed and result.program in passed]


def _without_quote(results: Mapping[str, Sequence[Result]], ours: str, known: Sequence[Known]) -> list[str]:
    quoted = {one.program for one in known if one.quote}
    return [
        f"{program}: another runtime passes it, and nothing in {FILE.name} quotes the specification against it"
        for program in passed_by_a_peer(results, ours)
        if program not in quoted
    ]
