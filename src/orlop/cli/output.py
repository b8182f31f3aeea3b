"""What commands print: tables for people, JSON for programs, sizes and times in words."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.oci.digest import Digest

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def with_digest(name: str, digest: Digest) -> str:
    """A name with the digest of what it means, unless that is a part of it already."""
    return name if name.endswith(f"@{digest}") else f"{name}@{digest}"


def write_json(value: Any) -> None:
    """A value as JSON on stdout, and nothing else there."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """A table on stdout: columns as wide as they must be, two spaces between them; `right` ones hold numbers.

    Plain text on purpose: this is what cut, awk and grep get. A list of ten thousand rows comes in a tenth of a second.
    """
    table = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    last = len(widths) - 1
    lines = []
    for row in table:
        cells = [
            cell.rjust(widths[at]) if at in right else (cell if at == last else cell.ljust(widths[at]))
            for at, cell in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    sys.stdout.write("\n".join(lines) + "\n")


def printable(text: str) -> str:
    """A text of an image or a registry without what could move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def size_text(size_bytes: int) -> str:
    """A size as people read it, in units of 1024: `512 B`, `4.2 KiB`, `1.3 GiB`."""
    size, units = float(size_bytes), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1000 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return (
        f"{size_bytes} B" if units[0] == "B" else f"{size:.3g} {units[0]}" if size < 100 else f"{size:.0f} {units[0]}"
    )


def age_text(then: float, *, now: float | None = None) -> str:
    """How long ago a time (seconds since the epoch) was: `5 minutes ago`."""
    age = int((time.time() if now is None else now) - then)
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if age >= unit:
            count = age // unit
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now" if age < 1 else f"{age} second{'s' if age > 1 else ''} ago"


def time_text(then: float) -> str:
    """A time as RFC 3339, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(then))
