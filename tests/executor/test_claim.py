"""The directory that makes an id one container's: made once, locked, never taken from another."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest
from plan_file import new_plan

if TYPE_CHECKING:
    from pathlib import Path

    from plan_file import Executor

O_CREAT, O_EXCL = os.O_CREAT, os.O_EXCL


def test_a_claim_is_a_new_directory_that_is_locked(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    path = tmp_path / "web"
    plan.outer.add("claim", fd=1, s0=str(path), n0=0o700)
    plan.outer.add("write", at=1, s0="state.json", blob=b"{}", n0=O_CREAT | O_EXCL, n1=0o600)
    command = f"flock --nonblock --conflict-exit-code 9 {path} true; echo $? > {tmp_path}/answer"
    plan.outer.add("hook", s0="/bin/sh", blob=f"sh\0-c\0{command}\0PATH=/bin:/usr/bin\0".encode(), n0=3 | 1 << 32)
    executor.run(plan).assert_success()
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / "state.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "answer").read_text().strip() == "9"
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it went with the executor
    os.close(fd)


@pytest.mark.parametrize("taken", [True, False])
def test_after_a_claim_that_fails_nothing_is_cleaned_up(executor: Executor, tmp_path: Path, *, taken: bool) -> None:
    """The directory is somebody else's: cleanup would remove theirs."""
    path = tmp_path / "web" if taken else tmp_path / "none" / "web"
    theirs = tmp_path / "theirs"
    theirs.touch()
    if taken:
        path.mkdir()
    plan = new_plan()
    plan.outer.add("claim", fd=1, s0=str(path), n0=0o700)
    plan.cleanup.add("unlink", s0=str(theirs))
    failure = executor.run(plan).failure()
    assert (failure.op, failure.errno) == ("claim", "EEXIST" if taken else "ENOENT")
    assert theirs.exists()


def test_a_failure_after_a_claim_is_cleaned_up(executor: Executor, tmp_path: Path) -> None:
    path = tmp_path / "web"
    plan = new_plan()
    plan.outer.add("claim", fd=1, s0=str(path), n0=0o700)
    plan.outer.add("open", fd=2, s0=str(tmp_path / "missing"))
    plan.cleanup.add("rmdir", s0=str(path))
    assert executor.run(plan).failure().op == "open"
    assert not path.exists()
