"""The timing of one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stopwatch import RunError, Stopwatch

if TYPE_CHECKING:
    from pathlib import Path


def test_a_command_is_timed_to_its_end(tmp_path: Path) -> None:
    elapsed_ms = Stopwatch(tmp_path / "said").time(["/bin/sleep", "0.05"], {})
    assert 50 <= elapsed_ms < 5000


def test_a_command_gets_its_environment_and_no_other(tmp_path: Path) -> None:
    Stopwatch(tmp_path / "said").time(["/usr/bin/env"], {"ONLY": "this"})
    assert (tmp_path / "said").read_text(encoding="ascii") == "ONLY=this\n"


def test_a_failure_quotes_the_command_and_its_last_word(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo first; echo no cgroup >&2; exit 3"]
    with pytest.raises(RunError, match=r"^/bin/sh -c .*: exit status 3: no cgroup$"):
        Stopwatch(tmp_path / "said").time(command, {})


def test_a_program_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot start /no/program: No such file or directory"):
        Stopwatch(tmp_path / "said").time(["/no/program"], {})
