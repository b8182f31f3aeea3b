"""Processes held by a pidfd."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from orlop.errors import KernelError
from orlop.linux.pidfd import open_pidfd, send_signal, wait_exit
from orlop.linux.procfs import read_start_time
from trees import same_fds

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_PROCESS = 1 << 22  # pid_max is not above it


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits."""
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.fixture
def pidfd(child: subprocess.Popen[bytes]) -> Iterator[int]:
    """A pidfd of it."""
    fd = open_pidfd(child.pid, read_start_time(child.pid))
    assert fd is not None
    yield fd
    os.close(fd)


def test_a_signal_arrives_and_the_end_is_seen(child: subprocess.Popen[bytes], pidfd: int) -> None:
    assert not wait_exit(pidfd, 0)
    assert send_signal(pidfd, signal.SIGKILL)
    assert wait_exit(pidfd, 10)
    assert wait_exit(pidfd)
    assert child.wait() == -signal.SIGKILL


def test_a_process_that_was_reaped_gets_no_signal(child: subprocess.Popen[bytes], pidfd: int) -> None:
    child.kill()
    child.wait()
    assert not send_signal(pidfd, 0)


def test_waiting_ends_when_the_time_is_over(pidfd: int) -> None:
    start = time.monotonic()
    assert not wait_exit(pidfd, 0.05)
    assert 0.04 < time.monotonic() - start < 5


def test_another_process_with_the_pid_is_not_the_one_asked_for(child: subprocess.Popen[bytes]) -> None:
    with same_fds():
        assert open_pidfd(child.pid, read_start_time(child.pid) + 1) is None


def test_a_process_that_is_not_there_has_no_pidfd() -> None:
    assert open_pidfd(_NO_PROCESS) is None


def test_a_pidfd_is_not_inherited(pidfd: int) -> None:
    assert not os.get_inheritable(pidfd)


def test_what_the_kernel_refuses_is_told() -> None:
    with pytest.raises(KernelError) as caught:
        open_pidfd(-1)
    assert caught.value.message == "pidfd_open -1: EINVAL (Invalid argument)"
    with pytest.raises(KernelError) as caught:
        send_signal(-1, 9)
    assert caught.value.message == "pidfd_send_signal 9: EBADF (Bad file descriptor)"
