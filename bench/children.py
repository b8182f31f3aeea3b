"""The processes that a runtime leaves behind: container inits become our children, as they become a shim's."""

from __future__ import annotations

import ctypes
import os
import select

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Be the parent of the orphans below us, so that nobody's reaping but ours decides when an init is gone.

    Raises:
        OSError: prctl failed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def reap() -> None:
    """Reap every child that has ended.

    Requires: nobody will wait for one of them.
    """
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def exit_code(pid: int, timeout_s: float) -> int | None:
    """Wait for a child, reap it, and return its exit status or minus the signal; None when it goes on for longer."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(1000 * timeout_s):
            return None
    finally:
        os.close(pidfd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
