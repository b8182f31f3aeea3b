"""Changes and their verdicts."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER, by_rank, item_texts, opposite, set_changes


def test_a_higher_rank_is_stronger() -> None:
    assert (by_rank(0, 1), by_rank(1, 0), by_rank(1, 1)) == (STRONGER, WEAKER, CHANGED)


def test_the_way_back() -> None:
    assert [opposite(one) for one in (WEAKER, STRONGER, CHANGED)] == [STRONGER, WEAKER, CHANGED]


def test_a_set_gains_and_loses() -> None:
    gained, lost = set_changes("f", ["a", "b"], ["b", "c", "d"], added=(WEAKER, "more"), removed="less")
    assert (gained.verdict, gained.old, gained.new, gained.words) == (WEAKER, None, "c, d", "more")
    assert (lost.verdict, lost.old, lost.new, lost.words) == (STRONGER, "a", None, "less")
    assert list(set_changes("f", ["a", "b"], ["b", "a"], added=(WEAKER, ""), removed="")) == []


def test_items_that_read_the_same_are_told_apart() -> None:
    old = {"path": "/h", "args": ["h", "x"], "timeout": 1}
    assert item_texts("hooks.prestart", old, {**old, "timeout": 2}) == ('/h x {"timeout":1}', '/h x {"timeout":2}')
    assert item_texts("hooks.prestart", old, {**old, "args": ["h", "y"]}) == ("/h x", "/h y")
    assert item_texts("hooks.prestart", None, old) == (None, "/h x")
