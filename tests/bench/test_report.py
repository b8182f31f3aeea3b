"""The report of the benchmark."""

from __future__ import annotations

import pytest

from report import between_markers, report, table
from summary import Results


def _results() -> Results:
    results = Results(versions={"orun cold": "orun 1", "runc": "runc 1"}, machine=["2 x processor"])
    results.add("run", "storm", "orun cold", [7.0, 8.0, 9.0])
    results.add("run", "storm", "runc", [19.0, 20.0, 21.0])
    results.add("run", "calm", "runc", [200.0] * 3)
    return results


def _cells(lines: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_the_table_has_a_row_for_each_runtime_and_columns_for_each_mode() -> None:
    lines = table(_results(), "run")
    assert len({len(line) for line in lines}) == 1, "columns are aligned"
    cells = _cells(lines)
    assert cells[0] == ["runtime", "storm ms", "p90", "x runc", "calm ms", "p90", "x runc"]
    assert cells[2] == ["orun cold (failed)", "8.00", "8.80", "0.40", "", "", ""]
    assert cells[3] == ["runc", "20.00", "20.80", "1.00", "200.00", "200.00", "1.00"]


def test_the_report_has_machine_versions_notes_tables_and_verdicts() -> None:
    results = _results()
    results.notes.append("not measured: crun: exit status 1: no cgroup")
    lines = report(results)
    assert lines[:4] == [
        "- 2 x processor",
        "- orun cold: orun 1",
        "- runc: runc 1",
        "- not measured: crun: exit status 1: no cgroup",
    ]
    assert "**run of true** (3 times):" in lines
    assert "- kept: run, storm: orun cold <= 0.7 x runc: 0.400 x" in lines
    assert not any("exec of true" in line for line in lines), "a part that was not measured has no table"


def test_the_table_says_who_failed_in_the_middle() -> None:
    results = _results()
    results.add("run", "calm", "orun cold", [1.0])
    assert "**run of true** (3 times):" in report(results)
    assert [row[0] for row in _cells(table(results, "run"))[2:]] == ["orun cold (failed)", "runc"]


def test_a_runtime_that_no_memory_limit_is_enough_for_is_in_the_table() -> None:
    results = _results()
    results.memory_floor_bytes = {"orun cold": 256 << 10, "runc": None}
    rows = _cells(report(results))
    assert ["orun cold", "256"] in rows
    assert ["runc", "more than 65536"] in rows


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    document = "a\n<!-- t:begin -->\nold\n<!-- t:end -->\nz\n"
    replaced = between_markers(document, "t", ["new", "lines"])
    assert replaced == "a\n<!-- t:begin -->\nnew\nlines\n<!-- t:end -->\nz\n"
    assert between_markers(replaced, "t", ["new", "lines"]) == replaced


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="no markers"):
        between_markers("a\n<!-- t:begin -->\n", "t", [])
