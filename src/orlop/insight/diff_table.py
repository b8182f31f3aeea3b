"""A difference as text for a terminal."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER
from orlop.insight.text_layout import wrapped
from orlop.insight.value_text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.change import Change
    from orlop.insight.diff import Difference

_NOT_SET = "not set"
_NONE = "No difference.\n"
# Column of the field: after the longest verdict.
_INDENT = " " * 10


def diff_table(difference: Difference) -> str:
    """A line of numbers, then each change with its verdict, its values and what it means; then the other fields."""
    if not difference.security and not difference.other:
        return _NONE
    counts = ", ".join(f"{difference.count(verdict)} {verdict}" for verdict in (WEAKER, CHANGED, STRONGER))
    others = len(difference.other)
    lines = [f"{counts}; {others} other field{'s' if others != 1 else ''}"]
    if difference.security:
        lines += ["", "Security"]
    for change in difference.security:
        lines += wrapped(_values(change), first=f"{change.verdict:<9} ", rest=f"{_INDENT}  ")
        if change.words:
            lines += wrapped(printable(change.words), first=_INDENT)
    if difference.other:
        lines += ["", "Other fields"]
    for change in difference.other:
        lines += wrapped(_values(change), first=_INDENT, rest=f"{_INDENT}  ")
    return "\n".join(lines) + "\n"


def _values(change: Change) -> str:
    """`field: old -> new`; what came or went alone with a sign."""
    old, new = (_NOT_SET if one is None else printable(one) or '""' for one in (change.old, change.new))
    return f"{printable(change.field)}: {old} -> {new}"
