"""Go's durations."""

from __future__ import annotations

import pytest

from orlop.registry.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("300ms", 0.3), ("1m30s", 90), ("1.5h", 5400), ("0", 0), (".5s", 0.5), ("-2s", -2), ("2us", 2e-6)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "1 s", "1s ", "1d", "1s2", "\u0661s"])
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None
