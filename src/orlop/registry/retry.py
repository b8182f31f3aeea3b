"""How patient the client is: which answers are worth another try, and how long to wait before it."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential backoff with full jitter. `attempts` counts the first one too."""

    attempts: int = 5
    first_s: float = 0.5
    longest_s: float = 10.0
    # A registry that wants a longer pause is told to the user, who may have better things to do.
    longest_retry_after_s: float = 60.0

    def backoff_s(self, failures: int) -> float:
        """How long to wait after so many failures, from 1 on."""
        limit = min(self.longest_s, self.first_s * 2 ** min(failures - 1, 30))
        return random.uniform(limit / 2, limit)  # noqa: S311 -- spreads load, keeps no secret

    def pause_s(self, failures: int, retry_after: str | None) -> float | None:
        """The same, as the registry asks for it in Retry-After; None where that is too long."""
        asked_s = parse_retry_after(retry_after) if retry_after else None
        if asked_s is None:
            return self.backoff_s(failures)
        return None if asked_s > self.longest_retry_after_s else max(asked_s, 0.0)


def parse_retry_after(text: str) -> float | None:
    """Seconds from now (RFC 9110, section 10.2.3: seconds, or a date); None where it is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
