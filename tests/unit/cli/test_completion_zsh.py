"""Completion in zsh, by zsh."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.cli.completion_zsh import script

from .completion_lines import LINES, prepare, typed

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop

# The widgets of zsh's completion work in its editor only. These stand-ins print what they are given, and leave out what
# does not begin with the word at the cursor, as the editor does.
_STAND_INS = """
compdef() { }
_files() { }
offer() { local one; for one in "$@"; do [[ $one == ${PREFIX}* ]] && print -r -- $one; done }
_describe() { local one; for one in ${(P)argv[-1]}; do offer ${one%%:*}; done }
compadd() { offer ${(P)2} }
"""
_TRY = """
words=(${=1})
[[ $1 == *' ' ]] && words+=('')
CURRENT=$#words PREFIX=$words[-1]
_orlop
"""


@pytest.mark.needs_peer("zsh")
@pytest.mark.parametrize(("line", "offered", "others"), LINES)
def test_what_is_offered(orlop: Orlop, tmp_path: Path, line: str, offered: set[str], others: set[str]) -> None:
    environment = prepare(orlop, tmp_path)
    words = ["zsh", "-f", "-c", _STAND_INS + script() + _TRY, "zsh", typed(line, orlop)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr == ""
    found = set(done.stdout.split())
    assert found >= offered
    assert not found & others


def test_texts_are_quoted() -> None:
    assert "that command'\\''s help" in script()
    assert r"Default\: auto" in script()
