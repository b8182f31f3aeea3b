"""A host with cgroup v2 and every controller, which the machine that CI runs on is not: what users have today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .machine import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_vm]

_TIMEOUT_S = 900
_PYTEST = ".venv/bin/python -m pytest -q -p no:cacheprovider --tb=short --color=no"


@pytest.mark.parametrize(
    "tests",
    [
        "tests/e2e/test_cgroup2_controllers.py",
    ],
)
def test_the_tests_pass_there(tests: str, tmp_path: Path) -> None:
    outcome = run(f"{_PYTEST} {tests}", tmp_path, timeout_s=_TIMEOUT_S)
    assert outcome.code == 0, outcome.out
