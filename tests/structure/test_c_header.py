"""csrc/operations.h is what the operation table generates, so the planner and the executor agree on every code."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from .source_tree import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


def _check(header: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orlop.plan.c_header", "--check", str(header)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_the_committed_header_is_current() -> None:
    done = _check(REPOSITORY / "csrc" / "operations.h")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_header_is_refused(tmp_path: Path) -> None:
    stale = tmp_path / "operations.h"
    stale.write_text((REPOSITORY / "csrc" / "operations.h").read_text("ascii") + "\n", encoding="ascii")
    done = _check(stale)
    assert done.returncode == 1
    assert "differs from the operation table" in done.stderr
