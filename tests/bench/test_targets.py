"""The verdicts of the benchmark."""

from __future__ import annotations

import pytest

from report import TITLES
from runtimes import COLD, WARM
from summary import Results
from targets import TARGETS, Target, verdicts


def _results(ours: float, theirs: float) -> Results:
    results = Results()
    for mode in ("storm", "calm", "burst"):
        results.add("run", mode, WARM, [ours])
        results.add("run", mode, "crun", [theirs])
    return results


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        (9.0, "kept: run, storm: orun warm <= 0.45 x crun: 0.450 x"),
        (9.1, "MISSED: run, storm: orun warm <= 0.45 x crun: 0.455 x"),
    ],
)
def test_a_target_is_kept_up_to_its_share(ours: float, verdict: str) -> None:
    assert Target("run", "storm", WARM, "crun", 0.45).verdict(_results(ours, 20.0)) == verdict


def test_a_target_without_its_peer_is_not_measured() -> None:
    target = Target("run", "storm", WARM, "runc", 0.45)
    assert target.verdict(_results(1.0, 2.0)) == "not measured: run, storm: orun warm <= 0.45 x runc"


def test_a_burst_is_not_called_a_mode() -> None:
    target = Target("run", "burst", WARM, "crun", 0.5)
    assert target.verdict(_results(1.0, 2.0)) == "kept: run: orun warm <= 0.5 x crun: 0.500 x"


def test_every_target_has_a_verdict_and_a_table_to_read_it_in() -> None:
    lines = verdicts(_results(1.0, 100.0))
    assert len(lines) == len(TARGETS) + 3
    assert {target.what for target in TARGETS} <= set(TITLES)
    assert "kept: run, calm: orun warm <= 0.2 x crun: 0.010 x" in lines
    assert "not measured: state, calm: orun warm <= 1.0 x crun" in lines


def test_sizes_have_limits() -> None:
    results = Results(orun_size_bytes=100 << 10, executor_peak_bytes=2 << 20)
    results.memory_floor_bytes = {WARM: None, COLD: 1 << 19, "runc": 4 << 20}
    assert verdicts(results)[-3:] == [
        "kept: size of orun <= 1024 KiB: 100 KiB",
        "MISSED: peak memory of the executor <= 1536 KiB: 2048 KiB",
        "kept: smallest memory limit of orun <= 512 KiB: 512 KiB",
    ]
    assert verdicts(Results())[-1] == "not measured: smallest memory limit of orun <= 512 KiB"
