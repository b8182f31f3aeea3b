"""The start socket: create in one process, start from another, and everything that can come between."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from plan_file import O_DIRECTORY, O_PATH, Executor, Plan, execute, hook, new_plan
from waiting import DEADLINE_S, is_alive, wait_until

from orlop.plan.operations import TEMPLATE_PID

if TYPE_CHECKING:
    from collections.abc import Iterator


class Created:
    """A created process that waits for its start, in a state directory deeper than a socket's path may be."""

    def __init__(self, executor: Executor, directory: Path) -> None:
        self.executor = executor
        self.directory = directory / ("d" * 120)
        self.directory.mkdir()
        self.pid = 0

    def create(self, arguments: list[str], *, before_start: Plan | None = None) -> None:
        plan = new_plan()
        plan.outer.add("open", fd=0, s0=str(self.directory), n0=O_PATH | O_DIRECTORY)
        plan.outer.add("listen", fd=1, at=0, s0="start.sock")
        plan.outer.add("clone")
        plan.inner.add("sigmask")
        plan.inner.add("signal", n0=5)
        plan.inner.add("await_start", fd=1)
        for step in before_start.inner.steps if before_start else []:
            plan.inner.steps.append(step)
        execute(plan.inner, arguments)
        plan.outer.add("write_atomic", at=0, s0="pid", blob=TEMPLATE_PID, n0=0o600)
        plan.outer.add("wait_signal", n0=5)
        # No pipes: init holds them for as long as it lives.
        process = self.executor.start(
            plan, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert process.wait(DEADLINE_S) == 0
        self.pid = int((self.directory / "pid").read_text())
        assert is_alive(self.pid)

    def start_plan(self) -> Plan:
        plan = new_plan()
        plan.outer.add("open", fd=0, s0=str(self.directory), n0=O_PATH | O_DIRECTORY)
        plan.outer.add("connect_start", at=0, s0="start.sock")
        return plan

    def connect(self) -> socket.socket:
        directory = os.open(self.directory, os.O_PATH)
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(DEADLINE_S)
        peer.connect(f"/proc/self/fd/{directory}/start.sock")
        os.close(directory)
        return peer


@pytest.fixture
def created(executor: Executor, tmp_path: Path) -> Iterator[Created]:
    made = Created(executor, tmp_path)
    yield made
    if made.pid and is_alive(made.pid):
        os.kill(made.pid, signal.SIGKILL)


def test_start_returns_when_the_program_is_executed(created: Created) -> None:
    created.create(["/bin/sleep", "1000"])
    mode = (created.directory / "start.sock").stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
    created.executor.run(created.start_plan()).assert_success()
    assert Path(f"/proc/{created.pid}/cmdline").read_text() == "/bin/sleep\x001000\0"


def test_a_second_start_is_refused(created: Created) -> None:
    created.create(["/bin/sleep", "1000"])
    created.executor.run(created.start_plan()).assert_success()
    assert created.executor.run(created.start_plan()).failure().errno == "ECONNREFUSED"


def test_starts_at_once_start_once(created: Created) -> None:
    created.create(["/bin/sleep", "1000"])
    processes = [created.executor.start(created.start_plan(), stderr=-1) for _ in range(8)]
    outcomes = [(process.communicate(timeout=DEADLINE_S)[1], process.returncode) for process in processes]
    assert sorted(code for _, code in outcomes) == [0, 1, 1, 1, 1, 1, 1, 1]
    assert all(b"errno=ECONNREFUSED" in error for error, code in outcomes if code)


def test_a_peer_that_only_looks_starts_nothing(created: Created) -> None:
    created.create(["/bin/sleep", "1000"])
    created.connect().close()
    with created.connect() as peer:
        peer.sendall(b"x")
        assert peer.recv(1) == b""
    assert "sleep" not in Path(f"/proc/{created.pid}/cmdline").read_text()
    created.executor.run(created.start_plan()).assert_success()


def test_a_starter_that_is_killed_at_once_does_no_harm(created: Created) -> None:
    created.create(["/bin/sleep", "1000"])
    with created.connect() as peer:
        peer.sendall(b"S")
    wait_until(lambda: "sleep" in Path(f"/proc/{created.pid}/cmdline").read_text(), "the exec")


def test_a_failure_after_start_goes_to_the_starter(created: Created) -> None:
    before = new_plan()
    before.inner.add("mkdir", s0="/nonexistent/a", flags=8)
    hook(before.inner, ["/bin/false"])
    created.create(["/bin/true"], before_start=before)
    outcome = created.executor.run(created.start_plan())
    failure = outcome.failure()
    assert (failure.section, failure.index, failure.op, failure.where) == ("inner", 4, "hook", "started")
    assert failure.detail == "exited with status 1"
    (warning,) = outcome.records("warn")
    assert (warning.index, warning.where, warning.detail) == (3, "started", "/nonexistent/a")
    wait_until(lambda: not is_alive(created.pid), "the end of init")


def test_an_init_killed_while_it_starts_is_told(created: Created) -> None:
    before = new_plan()
    hook(before.inner, ["/bin/sh", "-c", "kill -9 $PPID"])
    created.create(["/bin/true"], before_start=before)
    failure = created.executor.run(created.start_plan()).failure()
    assert (failure.where, failure.detail) == ("started", "init ended before it executed the program")


def test_an_init_that_is_gone_is_refused(created: Created) -> None:
    created.create(["/bin/true"])
    os.kill(created.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(created.pid), "the end of init")
    assert created.executor.run(created.start_plan()).failure().errno == "ECONNREFUSED"
    (created.directory / "start.sock").unlink()
    assert created.executor.run(created.start_plan()).failure().errno == "ENOENT"
