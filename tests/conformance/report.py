"""docs/spec-conformance.md: the results side by side, the reason of each failure of ours, and the table of fields."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .fields import FILE as FIELDS_FILE
from .fields import all_fields, load_notes, table
from .known import KINDS, WHOLE_PROGRAM, failures_of, passed_by_a_peer, without_races

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .known import Expectations, Known
    from .run import Result

    Results = Mapping[str, Sequence[Result]]

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "spec-conformance.md"
OURS = "orun"
_CONDITIONS = "Made with "
_PEERS = ("runc", "crun")
_SHOWN_LINES = 40


@dataclass(frozen=True)
class Conditions:
    """What the results depend on beside the runtimes' own doing."""

    suite: str
    facts: Sequence[str]
    versions: Sequence[str]

    def line(self) -> str:
        """One sentence of it."""
        machine = ", ".join(self.facts)
        return f"{_CONDITIONS}runtime-tools {self.suite}, {', '.join(self.versions)}, machine: {machine}."


def document(results: Results, conditions: Conditions, expectations: Expectations) -> str:
    """The whole document."""
    known = expectations.on(conditions.facts)
    count = max(len(found) for found in results.values())
    results = without_races(results, expectations)
    parts = [
        _INTRODUCTION,
        f"{conditions.line()}\n",
        _heading("Results", [*summary(results), "", _whole(count, expectations)]),
        _heading(
            "Failures of orun, and why", [*_kinds(known, expectations), "", _peers_text(results), "", *_reasons(known)]
        ),
        _heading("Programs that race", _races(expectations)),
        _heading("Every program", [_PROGRAMS_TEXT, "", *_programs(results)]),
        _heading("Every check that failed somewhere", [_CHECKS_TEXT, "", *_checks(results)]),
        _heading(
            "Every field of config.json",
            [_FIELDS_TEXT, "", *table(all_fields(), load_notes(FIELDS_FILE.read_text(encoding="utf-8")))],
        ),
    ]
    return "\n".join(parts)


_PROGRAMS_TEXT = "Checks passed / failed / skipped. A program that failed as a whole counts as one failed check more."
_CHECKS_TEXT = "How often it failed. All other checks passed or were skipped with all three runtimes."
_FIELDS_TEXT = (
    "Of the runtime spec 1.3 on Linux, read off `src/orlop/oci/config_schema.py`. Fields for other platforms are"
    " ignored, as the specification has it; so are unknown ones, and the log tells of them."
)


_INTRODUCTION = """\
# Conformance with the runtime specification

<!-- Written by `make conformance`, compared by `.ci/run`. The reasons are in tests/conformance/known.json. -->

The specification's own validation suite, opencontainers/runtime-tools, run with orun, runc and crun, in a mount
namespace where cgroups look like plain v1: Debian 12's crun takes nothing else. The suite is old and tests the
specification 1.0.2, orun follows 1.3. `make conformance` repeats it in a few minutes.
A program that fails with runc or crun is tried three times, so that their luck does not show.
"""


def _heading(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *lines, ""])


def summary(results: Results) -> list[str]:
    """A table of totals, one row for each runtime."""
    lines = ["| runtime | checks passed | failed | skipped | programs that fail |", "| --- | --- | --- | --- | --- |"]
    for name, found in results.items():
        totals = [sum(getattr(result, what) for result in found) for what in ("passed", "failed", "skipped")]
        programs = sum(bool(result.failed) for result in found)
        lines.append(f"| {name} | {totals[0]} | {totals[1]} | {totals[2]} | {programs} of {len(found)} |")
    return lines


def _whole(count: int, expectations: Expectations) -> str:
    """How many programs were run, and which of them the tables leave out."""
    names = ", ".join(f"`{name}`" for name in sorted(expectations.races))
    left_out = f"Those that race ([below](#programs-that-race)) are not counted: {names}."
    return f"All {count} programs of the suite were run. {left_out}"


def _kinds(known: Sequence[Known], expectations: Expectations) -> list[str]:
    """How many of the failed checks have a reason of each kind, without the programs that race."""
    counts: Counter[str] = Counter()
    for one in known:
        if one.program not in expectations.races:
            counts[one.kind] += sum(one.checks.values())
    return [f"- {counts[kind]}: {text}" for kind, text in KINDS.items() if counts[kind]]


def _peers_text(results: Results) -> str:
    names = ", ".join(f"`{name}`" for name in passed_by_a_peer(results, OURS)) or "none"
    return f"Programs that runc or crun passes and orun does not: {names}."


def _reasons(known: Sequence[Known]) -> list[str]:
    lines = ["| program | checks | | reason |", "| --- | --- | --- | --- |"]
    for one in known:
        checks = "<br>".join(f"{_cell(check)}{_times(count)}" for check, count in one.checks.items())
        quote = f'<br>"{_cell(one.quote)}"' if one.quote else ""
        lines.append(f"| `{one.program}` | {checks} | {KINDS[one.kind]} | {_cell(one.reason)}{quote} |")
    return lines


def _times(count: int) -> str:
    return f" ({count} times)" if count > 1 else ""


def _races(expectations: Expectations) -> list[str]:
    lines = [f"- `{name}`: {race.reason}" for name, race in expectations.races.items()]
    return [
        "The suite does not wait for what it tests here, so that a pass is luck. The tables leave these out.",
        "",
        *lines,
    ]


def _programs(results: Results) -> list[str]:
    lines = [f"| program | {' | '.join(results)} |", f"| --- |{' --- |' * len(results)}"]
    for row in zip(*results.values(), strict=True):
        cells = [f"{result.passed} / {result.failed} / {result.skipped}" for result in row]
        lines.append(f"| `{row[0].program}` | {' | '.join(cells)} |")
    return lines


def _checks(results: Results) -> list[str]:
    failed = {name: failures_of(found) for name, found in results.items()}
    every = dict.fromkeys(key for counts in failed.values() for key in counts)
    lines = [f"| program | check | {' | '.join(results)} |", f"| --- | --- |{' --- |' * len(results)}"]
    for program, check in sorted(every):
        name = "*the program as a whole*" if check == WHOLE_PROGRAM else _cell(check)
        counts = [str(failed[runtime][program, check] or "") for runtime in results]
        lines.append(f"| `{program}` | {name} | {' | '.join(counts)} |")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _without_peers(text: str) -> str:
    """The document without what it says of the peers."""
    lines = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []
        if line.startswith("Programs that runc or crun passes") or (cells and cells[0] in _PEERS):
            continue
        if cells[1:] and all(" / " in cell for cell in cells[1:]):  # a program: a column for each runtime, ours first
            lines.append(f"| {cells[0]} | {cells[1]} |")
        elif cells[3:] and all(not cell or cell.isdigit() for cell in cells[2:]):  # a check: the same
            lines += [f"| {cells[0]} | {cells[1]} | {cells[2]} |"] if cells[2] else []
        else:
            lines.append(line)
    return "\n".join(lines)


def difference(committed: str, found: str) -> list[str]:
    """How the committed document differs from what was found; empty when it does not, one line for each line else.

    Results of other versions of the peers, or of a machine that lacks other things, are other results: then only the
    table of fields, which depends on neither, is compared, and that is said. What the peers do is for the reader: some
    programs race with them, so that they have luck with one at times.
    """
    if _conditions(committed) != _conditions(found):
        committed, found = _fields_part(committed), _fields_part(found)
    committed, found = _without_peers(committed), _without_peers(found)
    lines = list(difflib.unified_diff(committed.splitlines(), found.splitlines(), "committed", "found", "", "", 0, ""))
    if not lines:
        return []
    return [f"{DOCUMENT.name} is not what was found; make conformance writes it", *lines[:_SHOWN_LINES]]


def are_comparable(committed: str, found: str) -> bool:
    """Whether both documents were made under the same conditions."""
    return _conditions(committed) == _conditions(found)


def _conditions(text: str) -> str:
    return next((line for line in text.splitlines() if line.startswith(_CONDITIONS)), "")


def _fields_part(text: str) -> str:
    return text[text.find("## Every field of config.json") :]
