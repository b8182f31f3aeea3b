"""The script of the resident planner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orlop.runtime

_SCRIPT = Path(orlop.runtime.__path__[0]) / "resident.py"


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-B", str(_SCRIPT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_it_finds_its_package_without_site() -> None:
    outcome = _run("planner", "--help")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "--idle-exit" in outcome.stdout


def test_its_exit_code_is_that_of_the_verb() -> None:
    outcome = _run("planner", "extra")
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
