"""The reaping of orphans: a long run uses a pid twice."""

from __future__ import annotations

import os

from . import orphans
from .waiting import wait_for_exit


def _spawn(script: str) -> int:
    return os.posix_spawn("/bin/sh", ["sh", "-c", script], dict(os.environ))


def test_the_status_of_an_earlier_process_is_not_told() -> None:
    pid = _spawn("exit 3")
    orphans._wait_status[pid] = 0
    assert orphans.reap(pid) == 3


def test_an_orphan_with_the_pid_of_an_earlier_child_is_reaped() -> None:
    pid = _spawn("exit 3")
    orphans._own.add((pid, "0"))
    wait_for_exit(pid, "the end of the process")
    orphans.collect()
    assert pid not in orphans.children()
    assert orphans.reap(pid) == 3


def test_a_child_that_somebody_waits_for_is_left_to_them() -> None:
    pid = _spawn("exit 3")
    orphans.keep(pid)
    wait_for_exit(pid, "the end of the process")
    orphans.collect()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
