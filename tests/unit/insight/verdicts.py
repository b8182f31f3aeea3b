"""Changes as a test compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.insight.change import Change


def told(changes: Iterable[Change]) -> list[tuple[str, str, str | None, str | None]]:
    """Field, verdict, old and new value of each change."""
    return [(one.field, one.verdict, one.old, one.new) for one in changes]


def verdicts(changes: Iterable[Change]) -> list[str]:
    """The verdicts, in order."""
    return [one.verdict for one in changes]
