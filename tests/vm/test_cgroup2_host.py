"""A host with cgroup v2 and every controller, which the machine that CI runs on is not: what users have today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .machine import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_vm]

_TIMEOUT_S = 1500
_PYTEST = ".venv/bin/python -m pytest -q -p no:cacheprovider --tb=short --color=no"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(f"{_PYTEST} tests/e2e/test_cgroup2_controllers.py", id="limits"),
        # Linux 6.1: no EROFS from files, so from loop devices; the older ways to mount an overlay.
        pytest.param(f"{_PYTEST} tests/contract/test_snapshotter.py", id="snapshotters"),
        pytest.param("scripts/demo", id="demo"),
    ],
)
def test_it_holds_there(command: str, tmp_path: Path) -> None:
    outcome = run(command, tmp_path, timeout_s=_TIMEOUT_S)
    assert outcome.code == 0, outcome.out
