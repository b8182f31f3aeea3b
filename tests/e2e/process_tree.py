"""The processes of a call that is under way: which are the runtime's own, and which its hooks'."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from .waiting import is_alive


def descendants(pid: int) -> list[int]:
    """Every live process below this one, parents first."""
    found = []
    for child in _children(pid):
        if is_alive(child):
            found += [child, *descendants(child)]
    return found


def kill_hard(pids: list[int]) -> None:
    """SIGKILL, all at once; who is gone already does not matter."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _children(pid: int) -> list[int]:
    children = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        pass
    return children
