"""Signals reach the process that was meant, and no other."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition
from orlop.linux.procfs import read_process_state, read_start_time
from orlop.oci.container_id import parse_container_id
from orlop.runtime import termination
from orlop.runtime.state_directory import Container
from orlop.runtime.termination import kill_init, open_init, signal_all, signal_init
from trees import same_fds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TERM = 15


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as started:
        yield started
        started.kill()


def _container(pid: int, start_time: int, cgroups: dict[str, str] | None = None) -> Container:
    record = {"pid": pid, "startTime": start_time, "cgroups": cgroups or {}}
    return Container(parse_container_id("web"), "/nowhere", record)


def test_init_gets_the_signal(process: subprocess.Popen[bytes]) -> None:
    signal_init(_container(process.pid, read_start_time(process.pid)), _TERM)
    assert process.wait(120) == -_TERM


def test_another_process_with_the_pid_gets_none(process: subprocess.Popen[bytes]) -> None:
    stranger = _container(process.pid, read_start_time(process.pid) - 1)
    assert open_init(stranger) is None
    with pytest.raises(FailedPrecondition, match='cannot signal container "web": it is not running; see orun state'):
        signal_init(stranger, 9)
    kill_init(stranger)
    assert process.poll() is None


def test_kill_waits_for_the_end(process: subprocess.Popen[bytes]) -> None:
    pidfd = os.pidfd_open(process.pid)
    kill_init(_container(process.pid, read_start_time(process.pid)))
    assert process.wait(120) == -9
    os.close(pidfd)


def test_without_init_there_is_nothing_to_kill() -> None:
    kill_init(_container(0, 0))


def test_all_processes_of_the_cgroup_get_the_signal(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text(f"{process.pid}\n", encoding="ascii")
    signal_all(_container(0, 0, {"pids": str(tmp_path)}), _TERM)
    assert process.wait(120) == -_TERM


def test_a_zombie_takes_no_signal_and_needs_no_kill(process: subprocess.Popen[bytes]) -> None:
    container = _container(process.pid, read_start_time(process.pid))
    os.kill(process.pid, 9)
    deadline = time.monotonic() + 120
    while read_process_state(process.pid) != "Z":
        assert time.monotonic() < deadline, "the process did not become a zombie"
        time.sleep(0.001)
    with pytest.raises(FailedPrecondition, match="it is not running"):
        signal_init(container, _TERM)
    kill_init(container)


def test_a_process_that_was_reaped_has_no_pidfd(process: subprocess.Popen[bytes]) -> None:
    container = _container(process.pid, read_start_time(process.pid))
    process.kill()
    process.wait(120)
    assert open_init(container) is None
    kill_init(container)


def test_an_init_that_does_not_end_is_told(process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "SIGKILL", 0)  # a process that is stuck in the kernel
    monkeypatch.setattr(termination, "_KILL_TIMEOUT_S", 0.01)
    with pytest.raises(FailedPrecondition) as caught:
        kill_init(_container(process.pid, read_start_time(process.pid)))
    assert str(caught.value) == (
        'container "web": init did not end within 0 s of SIGKILL; it is stuck in the kernel: look at its stack in /proc'
    )


def test_no_fd_stays_open(process: subprocess.Popen[bytes]) -> None:
    start_time = read_start_time(process.pid)
    with same_fds():
        signal_init(_container(process.pid, start_time), 0)
        assert open_init(_container(process.pid, start_time + 1)) is None
        kill_init(_container(process.pid, start_time))
