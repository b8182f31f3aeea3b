"""Completion in bash, by bash."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.cli.completion_bash import script

from .completion_lines import LINES, prepare, typed

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop

# What bash does when Tab is pressed, but for the words that it takes apart, which the script does not look at.
_TRY = """
COMP_LINE=$1 COMP_POINT=${#1}
_orlop
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(("line", "offered", "others"), LINES)
def test_what_is_offered(orlop: Orlop, tmp_path: Path, line: str, offered: set[str], others: set[str]) -> None:
    environment = prepare(orlop, tmp_path)
    assert _completed(typed(line, orlop), environment) >= offered
    assert not _completed(typed(line, orlop), environment) & others


def test_what_stands_before_a_colon_is_not_offered_again(orlop: Orlop, tmp_path: Path) -> None:
    environment = prepare(orlop, tmp_path)
    assert _completed(typed("orlop GLOBALS rmi localhost:5", orlop), environment) == {"5000/box:1"}


def _completed(line: str, environment: dict[str, str]) -> set[str]:
    words = ["bash", "--norc", "-c", script() + _TRY, "bash", line]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr == ""
    return set(done.stdout.split())
