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
_own: set[tuple[int, str]] = set()


def become_subreaper() -> None:
    """From now on orphans below this process become its children."""
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def keep(pid: int) -> None:
    """Say that somebody else waits for this child: it was started by a test, and is no orphan."""
    _own.add((pid, _start_time(pid)))


def _start_time(pid: int) -> str:
    """When it was started, in clock ticks: a long run uses a pid twice."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[19]


def children() -> list[int]:
    """The pids of the children of this process, zombies too."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended has none
            found += map(int, (task / "children").read_text().split())
    return found


def collect() -> None:
    """Reap every orphan that has ended."""
    for pid in children():
        if process_state(pid) == "Z" and (pid, _start_time(pid)) not in _own:
            with contextlib.suppress(ChildProcessError):
                _wait_status[pid] = os.waitpid(pid, 0)[1]


def reap(pid: int) -> int:
    """Wait for an orphan and return its exit code: 128+n for a signal."""
    wait_for_exit(pid, f"the end of process {pid}")
    status = os.waitpid(pid, 0)[1] if process_state(pid) == "Z" else _wait_status.pop(pid)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
