"""A live process held by a file descriptor, so that its pid cannot come to mean another one (pidfd_open(2))."""

from __future__ import annotations

import _signal
import os
import select

from orlop.linux.errno_text import kernel_error
from orlop.linux.procfs import read_start_time

_MILLISECONDS = 1000


def open_pidfd(pid: int, start_time: int = 0) -> int | None:
    """A pidfd of the process, close-on-exec and the caller's to close; None when the process is gone.

    With `start_time` (procfs.read_start_time) a process that took over the pid counts as gone.

    Raises:
        KernelError: pidfd_open fails for another reason.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        raise kernel_error("pidfd_open", str(pid), error.errno or 0) from error
    # After the open: a process that still has this start time had the pid before it, so it is the one that we hold.
    if start_time and read_start_time(pid) != start_time:
        os.close(pidfd)
        return None
    return pidfd


def send_signal(pidfd: int, signal: int) -> bool:
    """Send a signal; False when the process has ended.

    Raises:
        KernelError: pidfd_send_signal fails for another reason.
    """
    try:
        _signal.pidfd_send_signal(pidfd, signal)
    except ProcessLookupError:
        return False
    except OSError as error:
        raise kernel_error("pidfd_send_signal", str(signal), error.errno or 0) from error
    return True


def wait_exit(pidfd: int, timeout_s: float | None = None) -> bool:
    """Wait until the process has ended (a zombie has); False when the time is over. None waits for ever."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(None if timeout_s is None else max(0, timeout_s) * _MILLISECONDS))
