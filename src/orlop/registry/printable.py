"""Texts of others made fit for one line of ours: bounded, and with no character that a terminal would act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarl import URL

MAX_TEXT = 512


def printable(text: str, *, limit: int = MAX_TEXT) -> str:
    """The text with control characters, line ends and format characters as escapes, cut where it is too long."""
    cut = text[: limit + 1]
    escaped = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut[:limit])
    return f"{escaped}..." if len(cut) > limit else escaped


def printable_url(url: URL) -> str:
    """Scheme, host and path of a URL. User, query and fragment stay away: tokens and signatures live there."""
    return printable(str(url.with_user(None).with_query(None).with_fragment(None)) if url.host else url.path)
