"""The order in which the benchmark times things."""

from __future__ import annotations

from collections import Counter

import pytest

from modes import BLOCK, calm_turns, storm_blocks


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes its time."""
    made: list[float] = []
    monkeypatch.setattr("modes.time.sleep", made.append)
    return made


@pytest.mark.parametrize("runs", [1, BLOCK, 2 * BLOCK + 5])
def test_a_storm_times_each_thing_in_blocks_and_as_often_as_asked(runs: int, pauses: list[float]) -> None:
    done: Counter[str] = Counter()
    blocks = list(storm_blocks(["a", "b"], runs))
    for thing, size in blocks:
        assert 1 <= size <= BLOCK
        done[thing] += size
    assert done == {"a": runs, "b": runs}
    assert len(pauses) == len(blocks)


def test_calm_turns_pause_before_each_and_mix_the_things(pauses: list[float]) -> None:
    order = list(calm_turns(["a", "b"], 50))
    assert Counter(order) == {"a": 50, "b": 50}
    assert len(pauses) == 100
    assert order not in (["a"] * 50 + ["b"] * 50, ["b"] * 50 + ["a"] * 50)


def test_a_pause_comes_before_the_thing_and_not_after(pauses: list[float]) -> None:
    turns = calm_turns(["a"], 2)
    assert pauses == []
    next(turns)
    assert len(pauses) == 1
