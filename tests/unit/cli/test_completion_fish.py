"""Completion in fish, by fish."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.cli.completion_fish import script

from .completion_lines import LINES, prepare, typed

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop


@pytest.mark.needs_peer("fish")
@pytest.mark.parametrize(("line", "offered", "others"), LINES)
def test_what_is_offered(orlop: Orlop, tmp_path: Path, line: str, offered: set[str], others: set[str]) -> None:
    environment = prepare(orlop, tmp_path)
    words = ["fish", "--no-config", "-c", script() + "\ncomplete -C $argv[1]", typed(line, orlop)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr == ""
    found = {row.partition("\t")[0] for row in done.stdout.splitlines()}
    assert found >= offered
    assert not found & others


def test_texts_are_quoted() -> None:
    assert r"that command\'s help" in script()
