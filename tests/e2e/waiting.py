"""Waiting for a condition, with a deadline and a word for what was awaited. Owns the one deadline of this suite."""

from __future__ import annotations

import math
import os
import select
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_S = 120.0  # only a failure takes so long; a machine with much else to do has taken 30 s for what takes 0.1 s
longest_s = math.inf  # less in a test that is expected to wait in vain
_SLICE_MS = 100


def limited(deadline_s: float) -> float:
    """The time to wait: the deadline, unless the test is one that waits in vain."""
    return min(deadline_s, longest_s)


def wait_until(condition: Callable[[], bool], what: str, *, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as the condition holds.

    Raises:
        AssertionError: it does not within the deadline; the message says what was awaited.
    """
    end = time.monotonic() + limited(deadline_s)
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        select.select([], [], [], 0.003)


def wait_for_exit(
    pid: int, what: str, *, deadline_s: float = DEADLINE_S, meanwhile: Callable[[], None] | None = None
) -> None:
    """Return when the process has ended, reaped or not; at once when there is none. `meanwhile` is called at times."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        end = time.monotonic() + limited(deadline_s)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        while not poll.poll(_SLICE_MS):
            assert time.monotonic() < end, f"waited in vain: {what}"
            if meanwhile is not None:
                meanwhile()
    finally:
        os.close(pidfd)


def wait_at_most(pid: int, seconds: float) -> None:
    """Return when the process has ended, or after that time: to interrupt it at a random moment."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(seconds * 1000)
    finally:
        os.close(pidfd)


def wait_readable(fd: int, what: str, *, deadline_s: float = DEADLINE_S) -> None:
    """Return when reading from the fd would not block."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    assert poll.poll(limited(deadline_s) * 1000), f"waited in vain: {what}"


def process_state(pid: int) -> str:
    """The letter of /proc/PID/stat: "Z" for a zombie, "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    return process_state(pid) not in ("", "Z", "X")
