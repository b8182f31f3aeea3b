"""Signals to a container: always through a pidfd whose start time was checked, so a reused pid is never hit."""

from __future__ import annotations

import os
import select
from _signal import pidfd_send_signal

from orlop.errors import FailedPrecondition
from orlop.linux.procfs import read_start_time
from orlop.runtime.cgroup_processes import process_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.state_directory import Container

SIGKILL = 9
_KILL_TIMEOUT_S = 10.0


def open_init(container: Container) -> int | None:
    """A pidfd of the container's init; None when it has ended."""
    if container.pid <= 0:
        return None
    try:
        pidfd = os.pidfd_open(container.pid)
    except ProcessLookupError:
        return None
    if read_start_time(container.pid) != container.start_time:
        os.close(pidfd)
        return None
    return pidfd


def signal_init(container: Container, signal: int) -> None:
    """Send a signal to init.

    Raises:
        FailedPrecondition: it has ended.
    """
    pidfd = open_init(container)
    gone = FailedPrecondition(
        f'cannot signal container "{container.container_id}": it is not running', hint="see orun state"
    )
    if pidfd is None:
        raise gone
    try:
        if container.is_alive():  # a zombie would take the signal, to no effect
            pidfd_send_signal(pidfd, signal)
            return
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)
    raise gone


def signal_all(container: Container, signal: int) -> None:
    """Send a signal to every process in the container's cgroup."""
    for pid in process_ids(container.cgroup_paths):
        try:
            os.kill(pid, signal)
        except ProcessLookupError:
            continue


def kill_init(container: Container) -> None:
    """SIGKILL init and wait until it has ended, 10 s at most; one that has ended is fine.

    Raises:
        FailedPrecondition: it did not end.
    """
    pidfd = open_init(container)
    if pidfd is None:
        return
    try:
        try:
            pidfd_send_signal(pidfd, SIGKILL)
        except ProcessLookupError:
            return
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(_KILL_TIMEOUT_S * 1000):
            raise FailedPrecondition(
                f'container "{container.container_id}": init did not end within {_KILL_TIMEOUT_S:.0f} s of SIGKILL',
                hint="it is stuck in the kernel: look at its stack in /proc",
            )
    finally:
        os.close(pidfd)
