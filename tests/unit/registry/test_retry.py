"""How long to wait."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from orlop.registry.retry import RetryPolicy, parse_retry_after


def test_the_wait_grows_up_to_a_limit_and_is_spread() -> None:
    policy = RetryPolicy(first_s=1.0, longest_s=8.0)
    for failures, limit in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (9, 8.0), (10_000, 8.0)):
        found = {policy.backoff_s(failures) for _ in range(50)}
        assert len(found) > 10
        assert all(limit / 2 <= one <= limit for one in found)


def test_what_the_registry_asks_for_is_kept_unless_it_is_long() -> None:
    policy = RetryPolicy(longest_retry_after_s=60)
    assert policy.pause_s(1, "7") == 7.0
    assert policy.pause_s(1, "61") is None
    assert policy.pause_s(1, "soon") is not None
    assert policy.pause_s(1, None) is not None


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), (" 120 ", 120.0), ("9" * 400, 999_999_999_999.0)])
def test_seconds(text: str, seconds: float) -> None:
    assert parse_retry_after(text) == seconds


def test_dates() -> None:
    found = parse_retry_after(formatdate(time.time() + 100, usegmt=True))
    assert found is not None
    assert 90 < found <= 100
    assert parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT") == 0.0
    assert parse_retry_after("x") is None
    assert parse_retry_after("-5") is None
    assert parse_retry_after("\u0661") is None
