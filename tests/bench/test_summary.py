"""The statistics of the benchmark."""

from __future__ import annotations

import pytest

from summary import Results, Spread, percentile


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


def test_times_of_several_blocks_are_kept_together() -> None:
    results = Results()
    results.add("run", "storm", "runc", [1.0, 2.0])
    results.add("run", "storm", "runc", [6.0])
    results.add("run", "calm", "runc", [9.0])
    assert results.times_ms == {"run": {"storm": {"runc": [1.0, 2.0, 6.0]}, "calm": {"runc": [9.0]}}}
    assert results.spread("run", "storm", "runc") == Spread.of([1.0, 2.0, 6.0])


def test_a_ratio_is_one_median_by_the_other() -> None:
    results = Results()
    results.add("exec", "calm", "orun warm", [8.0, 1.0, 100.0])
    results.add("exec", "calm", "crun", [20.0])
    assert results.ratio("exec", "calm", "orun warm", "crun") == 0.4


@pytest.mark.parametrize(
    ("what", "mode", "runtime"), [("run", "calm", "a"), ("exec", "storm", "a"), ("exec", "calm", "b")]
)
def test_what_was_not_measured_has_no_spread_and_no_ratio(what: str, mode: str, runtime: str) -> None:
    results = Results()
    results.add("exec", "calm", "a", [1.0])
    assert results.spread(what, mode, runtime) is None
    assert results.ratio(what, mode, runtime, runtime) is None


def test_runtimes_stand_in_the_order_of_their_versions() -> None:
    results = Results(versions={"orun warm": "1", "runc": "2", "crun": "3"})
    results.add("run", "storm", "crun", [1.0])
    results.add("run", "calm", "orun warm", [1.0])
    assert results.runtimes("run") == ["orun warm", "crun"]
    assert results.runtimes("exec") == []


def test_a_failure_of_a_peer_is_a_note_and_one_of_ours_a_failure() -> None:
    results = Results()
    results.failed("exec", "youki", "exit status 1", is_ours=False)
    assert results.notes == ["exec failed in the middle: youki: exit status 1"]
    assert not results.has_failed
    results.failed("exec", "orun warm", "exit status 1", is_ours=True)
    results.failed("run", "youki", "exit status 1", is_ours=False)
    assert results.has_failed


def test_who_was_timed_less_often_is_not_complete() -> None:
    results = Results()
    results.add("run", "storm", "runc", [1.0, 2.0])
    results.add("run", "calm", "runc", [1.0, 2.0])
    results.add("run", "storm", "youki", [1.0, 2.0])
    results.add("run", "calm", "youki", [1.0])
    assert results.most_runs("run") == 2
    assert results.most_runs("exec") == 0
    assert results.is_complete("run", "runc")
    assert not results.is_complete("run", "youki")


def test_results_survive_json() -> None:
    results = Results(versions={"runc": "1"}, memory_floor_bytes={"runc": 4 << 20, "youki": None}, orun_size_bytes=7)
    results.add("run", "storm", "runc", [1.25])
    results.failed("exec", "runc", "gone", is_ours=True)
    assert Results.from_json(results.to_json()) == results


def test_merging_takes_what_another_process_measured() -> None:
    results = Results(versions={"runc": "1"}, machine=["m"], notes=["n"], orun_size_bytes=7)
    results.add("run", "storm", "runc", [1.0])
    other = Results(versions={"runc": "1", "crun": "2"}, machine=["v2"], notes=["n", "o"], executor_peak_bytes=9)
    other.add("v2", "storm", "runc", [2.0])
    other.has_failed = True
    results.merge(other)
    assert results == Results(
        versions={"runc": "1", "crun": "2"},
        times_ms={"run": {"storm": {"runc": [1.0]}}, "v2": {"storm": {"runc": [2.0]}}},
        machine=["m", "v2"],
        notes=["n", "o"],
        orun_size_bytes=7,
        executor_peak_bytes=9,
        has_failed=True,
    )
