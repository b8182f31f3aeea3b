"""Each `orlop` that a page tells to type is one that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from orlop.cli import command_line, command_table

_REPOSITORY = Path(__file__).resolve().parents[2]
_PAGES = [_REPOSITORY / "README.md", *sorted((_REPOSITORY / "docs").rglob("*.md"))]
_TYPED = [
    (f"{page.relative_to(_REPOSITORY)}:{number}", match[1])
    for page in _PAGES
    for number, line in enumerate(page.read_text().splitlines(), 1)
    if (match := re.match(r"# (orlop .*)$", line))
]


def test_pages_have_commands() -> None:
    assert {"README.md", "docs/images.md", "docs/labs/2-images.md"} <= {place.partition(":")[0] for place, _ in _TYPED}


@pytest.mark.parametrize(("place", "line"), _TYPED)
def test_it_is_taken(place: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    options = command_line.global_parser().parse_args(words[: words.index("|") if "|" in words else None])
    if options.help or options.words[0] == "help":
        return
    found = command_table.find(options.words)
    assert found is not None, place
    name, rest = found
    assert command_line.command_parser(name).parse(rest) is not None
