"""Hooks: state on stdin, exact environment, status, time limit, and what they must not inherit."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from plan_file import Container, Executor, execute, hook, new_plan
from waiting import DEADLINE_S, is_alive, wait_until

from orlop.plan.operations import BEST_EFFORT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_state_with_pid_and_start_time_comes_on_stdin(executor: Executor, root: Path, tmp_path: Path) -> None:
    container = Container(root)
    container.inner.add("signal", n0=1)
    container.inner.add("await", n0=2)
    container.outer.add("wait_signal", n0=1)
    script = f"cat > {tmp_path}/state; cut -d' ' -f22 /proc/$(cut -d, -f1 {tmp_path}/state)/stat > {tmp_path}/time"
    hook(container.outer, ["/bin/sh", "-c", script], state="\x01,\x02,", env=["PATH=/usr/bin:/bin"])
    container.outer.add("cleanup")
    executor.run(container.plan).assert_success()
    pid, start_time, _ = (tmp_path / "state").read_text().split(",")
    assert int(pid) > 1
    assert start_time == (tmp_path / "time").read_text().strip()


def test_argv_and_env_are_exact(executor: Executor) -> None:
    plan = new_plan()
    hook(plan.outer, ["/usr/bin/env"], env=["ONE=1", "TWO=", "A=x y"])
    hook(plan.outer, ["/bin/sh", "-c", 'printf "%s," "$0" "$@"', "zero", "", "a b"])
    assert executor.run(plan).stderr == "ONE=1\nTWO=\nA=x y\nzero,,a b,"


def test_stdout_goes_to_stderr(executor: Executor) -> None:
    plan = new_plan()
    hook(plan.outer, ["/bin/sh", "-c", "echo out; echo error >&2"])
    outcome = executor.run(plan)
    assert (outcome.stdout, outcome.stderr) == ("", "out\nerror\n")


@pytest.mark.parametrize(
    ("script", "status", "detail"),
    [
        ("exit 1", 0x100, "exited with status 1"),
        ("exit 255", 0xFF00, "exited with status 255"),
        ("kill -9 $$", 9, "killed by signal 9"),
    ],
)
def test_a_failing_hook_is_a_failure_with_its_status(executor: Executor, script: str, status: int, detail: str) -> None:
    plan = new_plan()
    plan.outer.add("close", fd=0)
    hook(plan.outer, ["/bin/sh", "-c", script])
    failure = executor.run(plan).failure()
    assert (failure.index, failure.op, failure.errno, failure.status, failure.detail) == (
        1,
        "hook",
        "0",
        status,
        detail,
    )


def test_a_hook_that_cannot_be_executed_says_why(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    hook(plan.outer, [str(tmp_path / "missing")])
    assert executor.run(plan).failure().errno == "ENOENT"
    (tmp_path / "plain").write_text("x")
    plan = new_plan()
    hook(plan.outer, [str(tmp_path / "plain")])
    assert executor.run(plan).failure().errno == "EACCES"


def test_a_hook_that_takes_too_long_is_killed_with_its_children(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    # The child outlasts our own deadline, so that whoever waits for it is noticed.
    hook(plan.outer, ["/bin/sh", "-c", f"/bin/sleep 1000 & echo $! > {tmp_path}/child; wait"], timeout_ms=5000)
    failure = executor.run(plan).failure()
    assert (failure.errno, failure.status, failure.detail) == ("0", 9, "timed out after 5000 ms")
    child = (tmp_path / "child").read_text().strip()
    wait_until(lambda: not is_alive(int(child)), "the end of its child")


def test_a_hook_need_not_read_its_state(executor: Executor) -> None:
    plan = new_plan()
    hook(plan.outer, ["/bin/true"], state="x" * 1_000_000)
    hook(plan.outer, ["/bin/sh", "-c", "exec <&-; exec /bin/sleep 0.1"], state="x" * 1_000_000, timeout_ms=10_000)
    executor.run(plan).assert_success()


def test_a_large_state_arrives_whole(executor: Executor) -> None:
    plan = new_plan()
    hook(plan.outer, ["/bin/sh", "-c", "test $(/usr/bin/wc -c) = 1000000"], state="x" * 1_000_000)
    executor.run(plan).assert_success()


def test_a_hook_inherits_no_fd_and_no_blocked_signal(executor: Executor, root: Path, tmp_path: Path) -> None:
    container = Container(root)
    container.inner.add("await", n0=1)
    script = f"ls /proc/self/fd > {tmp_path}/fds; grep SigBlk /proc/self/status > {tmp_path}/signals"
    hook(container.outer, ["/bin/sh", "-c", script], env=["PATH=/bin:/usr/bin"])
    container.outer.add("cleanup")
    read, write = os.pipe()
    os.set_inheritable(write, True)
    executor.run(container.plan, pass_fds=[write]).assert_success()
    os.close(read)
    os.close(write)
    assert (tmp_path / "fds").read_text().split() == ["0", "1", "2", "3"]  # 3 is ls's own
    assert (tmp_path / "signals").read_text().split()[1] == "0" * 16


def test_an_inner_hook_runs_in_the_container_and_names_pid_1(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.usual_mounts()
    container.pivot()
    container.inner.add("sethostname", s0="inside")
    hook(container.inner, ["/bin/sh", "-c", "hostname; cat"], state="pid \x01\n")
    outcome = executor.run(container.run_in_foreground(["/bin/true"]))
    assert (outcome.code, outcome.stderr) == (0, "inside\npid 1\n")


def test_a_failing_inner_hook_names_its_place(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.pivot()
    hook(container.inner, ["/bin/false"])
    index = len(container.inner.steps) - 1
    execute(container.inner, ["/bin/true"])
    container.outer.add("wait_exec")
    failure = executor.run(container.plan).failure()
    assert (failure.section, failure.index, failure.op, failure.where) == ("inner", index, "hook", "inner")
    assert failure.detail == "exited with status 1"


def test_a_signal_ends_the_hook_and_the_plan(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("clone")
    plan.inner.add("await", n0=1)
    plan.cleanup.add("kill_init")
    hook(plan.outer, ["/bin/sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 1000"])
    process = executor.start(plan, stderr=subprocess.PIPE)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "", "the hook")
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert b"op=hook" in error
    assert b"EINTR" in error
    assert b"detail=interrupted by SIGINT" in error
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_signal_ends_the_wait_for_init(executor: Executor, root: Path, tmp_path: Path) -> None:
    container = Container(root)
    hook(container.inner, ["/bin/sh", "-c", f"> {tmp_path}/begun; exec sleep 1000"])
    container.inner.add("signal", n0=1)
    container.outer.add("wait_signal", n0=1)
    process = executor.start(container.plan, stderr=subprocess.PIPE)
    wait_until((tmp_path / "begun").exists, "the hook inside")
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert b"op=wait_signal" in error
    assert b"detail=interrupted by SIGTERM" in error


def test_without_a_clone_a_signal_ends_the_hook_too(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("close", fd=0)
    hook(plan.outer, ["/bin/sh", "-c", f"> {tmp_path}/begun; exec sleep 1000"])
    plan.outer.steps[-1]["flags"] = BEST_EFFORT
    hook(plan.outer, ["/bin/sh", "-c", f"> {tmp_path}/next"])
    process = executor.start(plan, stderr=subprocess.PIPE)
    wait_until((tmp_path / "begun").exists, "the hook")
    process.send_signal(signal.SIGHUP)
    _, error = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, (tmp_path / "next").exists()) == (0, True)
    assert error.startswith(b"warn ")
    assert b"interrupted by SIGHUP" in error
