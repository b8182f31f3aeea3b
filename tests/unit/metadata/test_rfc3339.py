"""RFC 3339 times, as Go programs write them too."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.metadata.rfc3339 import parse_time, time_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01t00:00:01z", 1.0),
        ("1970-01-01T02:00:00.5+02:00", 0.5),
        ("1970-01-01T00:00:00.123456789Z", 0.123456),
        ("2026-11-24T16:00:00Z", 1795536000.0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text, place="x") == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-01-31", "2026-01-31T12:00:00", "2026-13-01T00:00:00Z", "1795536000"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidArgument, match=f'^label: "{text}" is not an RFC 3339 time; write it as '):
        parse_time(text, place="label")


def test_there_and_back() -> None:
    assert time_text(0) == "1970-01-01T00:00:00Z"
    assert parse_time(time_text(1795536000.25), place="x") == 1795536000.25
