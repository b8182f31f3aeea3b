"""How a field of config.json is told: on its own, for each of its items, or with the field that it is a part of."""

from __future__ import annotations

ENTRY = "entry"  # told on its own
EACH = "each"  # a list: each item is told on its own, the list itself once
PART = "part"  # told with the entry or the item above it
GROUP = "group"  # only holds others


class FieldWords:
    """One field: its `role`, the kernel's `mechanism` that it becomes ("" for a part or group), and its `words`."""

    __slots__ = ("mechanism", "role", "words")

    def __init__(self, role: str, mechanism: str, words: str) -> None:
        self.role = role
        self.mechanism = mechanism
        self.words = words


NOTHING = "nothing in the kernel"


def unsupported(words: str) -> FieldWords:
    """A field that this version of orun refuses, unless it asks for nothing."""
    return FieldWords(ENTRY, NOTHING, f"{words} This version of orun refuses it, unless it asks for nothing.")
