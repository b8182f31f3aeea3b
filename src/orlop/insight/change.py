"""One difference between two configurations, and whether the container is weaker or stronger walled by it."""

from __future__ import annotations

from orlop.insight.item_words import item_words
from orlop.oci.json_codec import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

WEAKER = "weaker"  # the new container can do or see more, or is limited less
STRONGER = "stronger"
CHANGED = "changed"  # it matters, but in which direction only who knows the purpose can say

_OPPOSITE = {WEAKER: STRONGER, STRONGER: WEAKER, CHANGED: CHANGED}


class Change:
    """What changed: `field`, the `old` and `new` value in words (None: not set), and what that means."""

    __slots__ = ("field", "new", "old", "verdict", "words")

    def __init__(self, field: str, verdict: str, old: str | None, new: str | None, words: str = "") -> None:
        self.field = field
        self.verdict = verdict
        self.old = old
        self.new = new
        self.words = words


def by_rank(old: float, new: float) -> str:
    """The verdict on a value whose rank is higher the stricter it is."""
    return STRONGER if new > old else WEAKER if new < old else CHANGED


def opposite(verdict: str) -> str:
    """The verdict on the change back."""
    return _OPPOSITE[verdict]


def set_changes(
    field: str, old: Iterable[str], new: Iterable[str], *, added: tuple[str, str], removed: str
) -> Iterator[Change]:
    """What a list without order gained and lost: one change each. `added` is the verdict and the words for a gain."""
    before, after = list(old), list(new)
    gained = [one for one in after if one not in before]
    lost = [one for one in before if one not in after]
    verdict, words = added
    if gained:
        yield Change(field, verdict, None, ", ".join(gained), words)
    if lost:
        yield Change(field, opposite(verdict), ", ".join(lost), None, removed)


def item_texts(path: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """Two items of the list `path` in words; where those are the same, with the properties that differ."""
    texts = [item_words(path, one)[0] if one else None for one in (old, new)]
    if old and new and texts[0] == texts[1]:
        for index, (one, other) in enumerate(((old, new), (new, old))):
            differing = {name: value for name, value in one.items() if value != other.get(name)}
            texts[index] = f"{texts[index]} {encode(differing)}" if differing else texts[index]
    return texts[0], texts[1]
