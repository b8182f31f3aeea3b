"""Fixtures of the executor's tests: its builds, and a root file system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from plan_file import Executor, busybox_root  # the helper module stands beside the tests

_REPOSITORY = Path(__file__).resolve().parents[2]


def _built(target: str) -> Path:
    """Builds one program, unless ORUN_BUILD names the directory that has it."""
    given = os.environ.get("ORUN_BUILD")
    build = Path(given) if given else _REPOSITORY / "build"
    if not given:
        python = os.environ.get("ORUN_BUILD_PYTHON", sys.executable)
        command = ["make", "-f", "csrc/csrc.mk", f"BUILD={build}", f"PYTHON={python}", f"{build}/{target}"]
        subprocess.run(command, cwd=_REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    return build / target


@pytest.fixture(scope="session", params=["release", "asan"])
def build(request: pytest.FixtureRequest) -> str:
    """Each test runs against the release build and the one with sanitizers."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return str(request.param)


@pytest.fixture(scope="session")
def exec_plan(build: str) -> Path:
    """orun-exec-plan."""
    return _built("orun-exec-plan" if build == "release" else "orun-exec-plan-asan")


@pytest.fixture(scope="session")
def orun(build: str) -> Path:
    """orun."""
    return _built("orun" if build == "release" else "orun-asan")


@pytest.fixture
def executor(exec_plan: Path, tmp_path: Path) -> Executor:
    """The executor with a directory of its own."""
    directory = tmp_path / "plans"
    directory.mkdir()
    return Executor(exec_plan, directory)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root file system with busybox."""
    return busybox_root(tmp_path)
