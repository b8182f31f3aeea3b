"""Points in time as RFC 3339 text, which is how containerd's label `containerd.io/gc.expire` says them."""

from __future__ import annotations

from datetime import UTC, datetime

from orlop.errors import InvalidArgument


def parse_time(text: str, *, place: str) -> float:
    """Seconds since the epoch; `place` says in the error where the text came from.

    Raises:
        InvalidArgument: it is no RFC 3339 time, or says no offset from UTC.
    """
    try:
        time = datetime.fromisoformat(text.upper())
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or "T" not in text.upper():
        raise InvalidArgument(f'{place}: "{text}" is not an RFC 3339 time', hint="write it as 2026-01-31T12:00:00Z")
    return time.timestamp()


def time_text(seconds: float) -> str:
    """The text of a time in UTC, down to microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
