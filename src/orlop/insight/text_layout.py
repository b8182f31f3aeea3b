"""Text for a terminal of 100 columns: wrapped lines, columns. Plain characters only."""

from __future__ import annotations

WIDTH = 100


def wrapped(text: str, *, first: str = "", rest: str | None = None, width: int = WIDTH) -> list[str]:
    """The text in lines of at most `width` columns, the first after `first` and the others after `rest`.

    A word that is longer than a line stands alone on one that is too long: a path is not broken.
    """
    indent = first if rest is None else rest
    lines: list[str] = []
    line = first
    is_empty = True
    for word in text.split():
        if not is_empty and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, is_empty = indent, True
        line += word if is_empty else f" {word}"
        is_empty = False
    lines.append(line)
    return [one.rstrip() for one in lines]


def heading(text: str) -> list[str]:
    """A heading with its line, and an empty line before it."""
    return ["", text, "-" * len(text)]
