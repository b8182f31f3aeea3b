"""The timing of one command."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from e2e.orphans import children
from stopwatch import RunError, Stopwatch

if TYPE_CHECKING:
    from pathlib import Path


def test_a_command_is_timed_to_its_end(tmp_path: Path) -> None:
    elapsed_ms = Stopwatch(tmp_path / "said").time("run", ["/bin/sleep", "0.05"], {})
    assert 50 <= elapsed_ms < 60_000


def test_a_command_gets_its_environment_and_no_other(tmp_path: Path) -> None:
    Stopwatch(tmp_path / "said").time("exec", ["/usr/bin/env"], {"ONLY": "this"})
    assert (tmp_path / "said").read_text(encoding="ascii") == "ONLY=this\n"


def test_a_failure_names_the_verb_and_quotes_the_last_word(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo first; echo no cgroup >&2; exit 3"]
    with pytest.raises(RunError, match=r"^run: exit status 3: no cgroup$"):
        Stopwatch(tmp_path / "said").time("run", command, {})


def test_a_program_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot start /no/program: No such file or directory"):
        Stopwatch(tmp_path / "said").time("run", ["/no/program"], {})


def test_a_command_that_does_not_end_is_killed(tmp_path: Path) -> None:
    before = set(children())
    with pytest.raises(RunError, match=r"^start: no end after 0\.5 s$"):
        Stopwatch(tmp_path / "said", timeout_s=0.5).time("start", ["/bin/sleep", "1000"], {})
    assert set(children()) <= before


def test_a_command_that_ends_in_time_leaves_no_alarm(tmp_path: Path) -> None:
    Stopwatch(tmp_path / "said").time("run", ["/bin/true"], {})
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
