"""What /proc says about processes that the tests start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from orlop.linux import procfs
from orlop.linux.procfs import is_alive, read_process_state, read_start_time, read_status_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_PROCESS = 1 << 22  # pid_max is not above it
_TIMEOUT_S = 120.0


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits, not yet reaped when a test has killed it."""
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def _wait_for_state(pid: int, state: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while read_process_state(pid) != state:
        assert time.monotonic() < deadline, f"process {pid} did not reach the state {state}"
        time.sleep(0.001)


def test_a_process_is_alive_with_its_own_start_time_only(child: subprocess.Popen[bytes]) -> None:
    start_time = read_start_time(child.pid)
    assert start_time >= read_start_time(os.getpid()) > 0
    assert is_alive(child.pid, start_time)
    assert not is_alive(child.pid, start_time + 1)


def test_a_zombie_is_not_alive(child: subprocess.Popen[bytes]) -> None:
    start_time = read_start_time(child.pid)
    os.kill(child.pid, 9)
    _wait_for_state(child.pid, "Z")
    assert read_start_time(child.pid) == start_time
    assert not is_alive(child.pid, start_time)


def test_a_process_that_is_not_there() -> None:
    assert read_start_time(_NO_PROCESS) == 0
    assert read_process_state(_NO_PROCESS) == ""
    assert read_status_fields(_NO_PROCESS) == {}
    assert not is_alive(_NO_PROCESS, 0)


@pytest.mark.parametrize("command", ["a) Z 1 2", ") ) R", "with space", "(((", ")"])
def test_a_command_with_parentheses_misleads_nobody(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = f"7 ({command}) S " + " ".join(map(str, range(4, 53)))
    monkeypatch.setattr(procfs, "_read", lambda _pid, _name: stat.encode())
    assert read_process_state(7) == "S"
    assert read_start_time(7) == 22
    assert is_alive(7, 22)


@pytest.mark.parametrize("state", ["Z", "X", "x"])
def test_a_process_that_has_ended_is_not_alive(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = f"7 (x) {state} " + " ".join(map(str, range(4, 53)))
    monkeypatch.setattr(procfs, "_read", lambda _pid, _name: stat.encode())
    assert not is_alive(7, 22)


def test_status_fields_are_keyed_by_name() -> None:
    fields = read_status_fields(os.getpid())
    assert fields["Pid"] == str(os.getpid())
    assert fields["Uid"].split("\t")[0] == str(os.getuid())
    assert int(fields["CapEff"], 16) >= 0
