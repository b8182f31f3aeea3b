"""The statistics of the benchmark."""

from __future__ import annotations

import pytest

from summary import Results, Spread, between_markers, percentile, report, table, verdicts


def _results(**medians: float) -> Results:
    """Results with each runtime's storm times around a median, and calm ones ten times that."""
    results = Results(versions={name: f"{name} 1" for name in medians})
    for name, median in medians.items():
        results.times_ms["storm"][name] = [median - 1, median, median + 1]
        results.times_ms["calm"][name] = [10 * median]
    return results


def test_a_percentile_is_interpolated_between_neighbours() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.5
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert percentile([float(n) for n in range(11)], 90) == 9.0
    assert percentile([7.0], 90) == 7.0
    assert percentile([1.0, 2.0], 100) == 2.0


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_spread_holds_median_p90_and_the_least() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(runs=3, median_ms=2.0, p90_ms=2.8, least_ms=1.0)


def test_a_ratio_is_one_median_by_the_other() -> None:
    results = _results(orun=8.0, runc=20.0)
    assert results.ratio("storm", "orun", "runc") == 0.4
    assert results.ratio("storm", "orun", "crun") is None


def test_a_verdict_says_kept_missed_or_not_measured() -> None:
    results = _results(orun=16.1, runc=20.0)
    results.orun_size_bytes = 100 << 10
    results.executor_peak_bytes = 2 << 20
    lines = verdicts(results)
    assert "MISSED: orun <= 0.8 x runc, storm: 0.805 x" in lines
    assert "not measured: orun <= 0.9 x crun, calm" in lines
    assert "kept: size of orun <= 1 MiB: 100 KiB" in lines
    assert "MISSED: peak memory of the executor <= 1.5 MiB: 2048 KiB" in lines
    assert "kept: orun <= 0.8 x runc, storm: 0.800 x" in verdicts(_results(orun=16.0, runc=20.0))


def test_the_table_has_a_row_for_each_measured_runtime_and_mode() -> None:
    lines = table(_results(orun=8.0, runc=20.0))
    assert len({len(line) for line in lines}) == 1, "columns are aligned"
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    assert cells[0] == ["mode", "runtime", "runs", "median ms", "p90 ms", "least ms", "x runc"]
    assert cells[2] == ["storm", "orun", "3", "8.00", "8.80", "7.00", "0.40"]
    assert cells[5] == ["calm", "runc", "1", "200.00", "200.00", "200.00", "1.00"]


def test_the_report_tells_what_was_not_measured() -> None:
    results = _results(orun=8.0)
    results.notes.append("not measured: crun: exit status 1: no cgroup")
    assert "- not measured: crun: exit status 1: no cgroup" in report(results)


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    document = "a\n<!-- t:begin -->\nold\n<!-- t:end -->\nz\n"
    replaced = between_markers(document, "t", ["new", "lines"])
    assert replaced == "a\n<!-- t:begin -->\nnew\nlines\n<!-- t:end -->\nz\n"
    assert between_markers(replaced, "t", ["new", "lines"]) == replaced


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="no markers"):
        between_markers("a\n<!-- t:begin -->\n", "t", [])
