"""The rules of tests/conftest.py: a missing need skips a test for a developer, and fails it for CI; how tests begin."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CONFTEST = Path(__file__).parents[1] / "conftest.py"
_TEST = """
import pytest

@pytest.mark.needs_peer("no-such-program")
def test_with_a_peer():
    raise AssertionError

def test_that_skips_in_words():
    pytest.skip("needs root")
"""

_SIGNALS = """
import subprocess

def test_of_signals():
    script = "for name in INT QUIT HUP; do trap 'echo caught' $name; kill -$name $$; done"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.stdout == "caught\\n" * 3
"""


def _outcome(directory: Path, test: str = _TEST, prefix: tuple[str, ...] = (), **environment: str) -> tuple[int, str]:
    shutil.copy(_CONFTEST, directory)
    (directory / "pytest.ini").write_text("[pytest]\nmarkers = needs_peer(name)\n", encoding="ascii")
    (directory / "test_sample.py").write_text(test, encoding="ascii")
    command = [
        *prefix,
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-ra",
        "--strict-markers",
        "-p",
        "no:cacheprovider",
        f"--basetemp={directory}-base",
        str(directory),
    ]
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "ORLOP_MAY_SKIP")}
    done = subprocess.run(
        command, cwd=directory, env=inherited | environment, capture_output=True, text=True, check=False, timeout=600
    )
    return done.returncode, done.stdout


def test_a_missing_need_skips_and_is_named(tmp_path: Path) -> None:
    code, text = _outcome(tmp_path)
    assert code == 0, text
    assert "needs_peer: no-such-program is not installed" in text


def test_a_missing_need_fails_in_ci(tmp_path: Path) -> None:
    code, text = _outcome(tmp_path, CI="true")
    assert code == 1
    assert "1 failed, 1 error" in text
    assert "skipped where CI is set, which is a failure: needs_peer: no-such-program is not installed" in text


@pytest.mark.parametrize("allowed", ["needs_peer", "needs_root needs_peer"])
def test_ci_may_allow_a_skip_by_name(tmp_path: Path, allowed: str) -> None:
    code, text = _outcome(tmp_path, CI="true", ORLOP_MAY_SKIP=allowed)
    assert "needs_peer: no-such-program" in text
    assert code == (0 if "needs_root" in allowed else 1)


def test_programs_of_tests_can_trap_signals_that_pytest_was_started_without(tmp_path: Path) -> None:
    """As in the background of a script, where SIGINT and SIGQUIT are ignored, or under nohup."""
    code, text = _outcome(tmp_path, _SIGNALS, ("sh", "-c", 'trap "" INT QUIT HUP; exec "$@"', "sh"))
    assert code == 0, text
