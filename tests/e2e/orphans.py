"""Processes that the runtime left to its caller. This process is their subreaper, as a shim is, and reaps them.

A process of `exec --detach` that has ended keeps its pid namespace, and so init, from ending until it is reaped: who
waits for the runtime must reap at the same time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

from .waiting import process_state, wait_for_exit

_PR_SET_CHILD_SUBREAPER = 36

_wait_status: dict[int, int] = {}
_own: set[int] = set()


def become_subreaper() -> None:
    """From now on orphans below this process become its children."""
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def keep(pid: int) -> None:
    """Say that somebody else waits for this child: it was started by a test, and is no orphan."""
    _own.add(pid)


def children() -> list[int]:
    """The pids of the children of this process, zombies too."""
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def collect() -> None:
    """Reap every orphan that has ended."""
    pids = children()
    _own.intersection_update(pids)  # a pid that was waited for comes again, perhaps as an orphan's
    for pid in pids:
        if pid not in _own and process_state(pid) == "Z":
            with contextlib.suppress(ChildProcessError):
                _wait_status[pid] = os.waitpid(pid, 0)[1]


def reap(pid: int) -> int:
    """Wait for an orphan and return its exit code: 128+n for a signal."""
    wait_for_exit(pid, f"the end of process {pid}")
    status = _wait_status[pid] if pid in _wait_status else os.waitpid(pid, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
