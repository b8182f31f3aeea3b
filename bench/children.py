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

    Requires: nobody is waiting for one of them.
    """
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def wait_until_ended(pid: int, timeout_s: float) -> bool:
    """Wait for a child and reap it; False when it goes on for longer."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        has_ended = bool(poll.poll(1000 * timeout_s))
    finally:
        os.close(pidfd)
    reap()
    return has_ended
