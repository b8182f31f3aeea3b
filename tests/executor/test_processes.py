"""Init, its parent and what they say to each other: failures, deaths, fds, signals, exit codes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from plan_file import (
    ALL_NAMESPACES,
    CLONE_NEWPID,
    Container,
    Executor,
    execute,
    hook,
    new_plan,
)
from waiting import DEADLINE_S, is_alive, wait_until

from orlop.plan.operations import BEST_EFFORT, EXCLUSIVE, IGNORE_ENOENT, TEMPLATE_PID, TEMPLATE_START_TIME


def simple_container(script: str, *, supervise: int = 0) -> Container:
    """A shell of the host in a pid namespace: all that the tests of signals need."""
    plan = Container.__new__(Container)
    plan.plan = new_plan()
    plan.outer, plan.inner, plan.cleanup = plan.plan.outer, plan.plan.inner, plan.plan.cleanup
    plan.outer.add("clone", n0=CLONE_NEWPID)
    plan.inner.add("sigmask")
    plan.cleanup.add("kill_init")
    plan.run_in_foreground(["/bin/bash", "-c", script], supervise)
    return plan


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 42", 42), ("exit 255", 255)])
def test_the_exit_code_becomes_ours(executor: Executor, script: str, code: int) -> None:
    assert executor.run(simple_container(script).plan).code == code


def test_death_by_a_signal_is_128_and_its_number(executor: Executor) -> None:
    plan = new_plan()
    plan.outer.add("clone")
    plan.inner.add("sigmask")
    execute(plan.inner, ["/bin/sh", "-c", "kill -9 $$"])
    plan.outer.add("wait_exec")
    plan.outer.add("supervise")
    assert executor.run(plan).code == 137


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTSTP, signal.SIGRTMIN + 3]
)
def test_signals_are_forwarded(executor: Executor, number: int) -> None:
    script = f"trap 'echo got; exit 7' {number}; echo ready; while :; do sleep 0.01; done"
    process = executor.start(simple_container(script).plan, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == b"got\n"
    assert process.wait(DEADLINE_S) == 7
    process.stdout.close()


def test_an_ignored_sigchld_of_the_caller_does_no_harm(executor: Executor) -> None:
    command = [
        "/bin/bash",
        "-c",
        'trap "" CHLD; exec "$0" "$@"',
        str(executor.program),
        str(executor.write(simple_container("exit 5").plan)),
    ]
    assert subprocess.run(command, check=False).returncode == 5


def test_a_subreaper_reaps_orphans(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("subreaper")
    plan.outer.add("clone")
    plan.inner.add("sigmask")
    script = f"(/bin/true & echo $! > {tmp_path}/orphan); read line; exit 3"
    execute(plan.inner, ["/bin/sh", "-c", script])
    plan.outer.add("supervise")
    process = executor.start(plan, stdin=subprocess.PIPE)
    wait_until(lambda: (tmp_path / "orphan").exists() and (tmp_path / "orphan").read_text() != "", "the orphan's pid")
    orphan = int((tmp_path / "orphan").read_text())
    wait_until(lambda: not Path(f"/proc/{orphan}").exists(), "the orphan reaped")
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.close()
    assert process.wait(DEADLINE_S) == 3


def test_a_failure_inside_has_its_index_and_cleanup_runs(executor: Executor, root: Path, tmp_path: Path) -> None:
    container = Container(root)
    container.pivot()
    index = container.inner.add("chdir", s0="/nonexistent")
    container.cleanup.add("write", s0=str(tmp_path / "cleaned"), blob=b"x", n0=0o100)
    failure = executor.run(container.run_in_foreground(["/bin/true"])).failure()
    assert (failure.section, failure.index, failure.op, failure.errno) == ("inner", index, "chdir", "ENOENT")
    assert failure.where == "inner"
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize("waits", ["wait_exec", "supervise"])
def test_an_exec_that_fails_is_told(executor: Executor, root: Path, waits: str) -> None:
    (root / "bin" / "broken").write_text("\x7fELF")
    (root / "bin" / "broken").chmod(0o755)
    container = Container(root)
    container.pivot()
    execute(container.inner, ["/bin/broken"])
    container.outer.add(waits)
    failure = executor.run(container.plan).failure()
    assert (failure.op, failure.errno, failure.section) == ("execve", "ENOEXEC", "inner")


def test_an_init_that_is_killed_is_told_with_the_step_it_was_at(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("clone")
    plan.outer.add("write_atomic", s0=str(tmp_path / "pid"), blob=TEMPLATE_PID, n0=0o600)
    plan.inner.add("sigmask")
    plan.inner.add("await", n0=9)
    plan.outer.add("wait_signal", n0=1)
    process = executor.start(plan, stderr=subprocess.PIPE)
    wait_until((tmp_path / "pid").exists, "the pid file")
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S", "init at its await")
    os.kill(pid, signal.SIGKILL)
    _, error = process.communicate(timeout=DEADLINE_S)
    assert b"section=inner index=1 op=await" in error
    assert b"detail=init was killed by signal 9 before it was ready" in error
    assert process.returncode == 1


@pytest.mark.parametrize("flags", [0, CLONE_NEWPID])
def test_a_killed_outer_process_leaves_no_child(executor: Executor, tmp_path: Path, flags: int) -> None:
    plan = new_plan()
    plan.outer.add("clone", n0=flags)
    plan.outer.add("write_atomic", s0=str(tmp_path / "pid"), blob=TEMPLATE_PID, n0=0o600)
    plan.inner.add("await", n0=9)
    execute(plan.inner, ["/bin/sleep", "1000"])
    plan.outer.add("wait_exec")
    process = executor.start(plan)
    wait_until((tmp_path / "pid").exists, "the pid file")
    pid = int((tmp_path / "pid").read_text())
    assert is_alive(pid)
    process.kill()
    process.wait()
    wait_until(lambda: not is_alive(pid), "the end of init")


def test_init_does_not_execute_when_the_outer_process_is_gone(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("clone")
    plan.inner.add("sigmask")
    os.mkfifo(tmp_path / "fifo")
    plan.inner.add("write", s0=str(tmp_path / "fifo"), blob=b"x")  # waits for a reader
    execute(plan.inner, ["/bin/touch", str(tmp_path / "executed")])
    plan.outer.add("write_atomic", s0=str(tmp_path / "pid"), blob=TEMPLATE_PID, n0=0o600)
    plan.outer.add("wait_exec")
    process = executor.start(plan)
    wait_until((tmp_path / "pid").exists, "the pid file")
    process.kill()
    process.wait()
    (tmp_path / "fifo").read_bytes()
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_alive(pid), "the end of init")
    assert not (tmp_path / "executed").exists()


def test_a_reforked_init_is_the_one_that_counts(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("clone")
    plan.inner.add("unshare", n0=CLONE_NEWPID)
    plan.inner.add("refork")
    plan.inner.add("sigmask")
    plan.inner.add("signal", n0=1)
    plan.inner.add("await", n0=2)
    execute(plan.inner, ["/bin/bash", "-c", "echo $$; cat /proc/self/oom_score_adj; read; exit 6"])
    plan.outer.add("wait_signal", n0=1)
    plan.outer.add("write_atomic", s0=str(tmp_path / "pid"), blob=TEMPLATE_PID + b" " + TEMPLATE_START_TIME, n0=0o600)
    plan.outer.add("write_init_proc", s0="oom_score_adj", blob=b"700")
    plan.outer.add("release", n0=2)
    plan.outer.add("wait_exec")
    plan.outer.add("supervise")
    process = executor.start(plan, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    assert process.stdout.readline() == b"700\n"
    pid, start_time = (tmp_path / "pid").read_text().split()
    assert Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19] == start_time
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children == [pid]  # the first child was reaped
    process.communicate(b"\n", timeout=DEADLINE_S)
    assert process.returncode == 6


def test_a_failure_after_refork_is_told_and_nothing_stays(executor: Executor) -> None:
    plan = new_plan()
    plan.outer.add("clone")
    plan.inner.add("refork")
    plan.inner.add("chdir", s0="/nonexistent")
    plan.outer.add("wait_signal", n0=1)
    plan.cleanup.add("kill_init")
    failure = executor.run(plan).failure()
    assert (failure.index, failure.op) == (1, "chdir")


def test_warnings_of_both_sides_go_on(executor: Executor) -> None:
    plan = new_plan()
    plan.outer.add("mkdir", s0="/nonexistent/x", flags=BEST_EFFORT)
    plan.outer.add("mkdir", s0="/nonexistent/x", flags=IGNORE_ENOENT)
    plan.outer.add("clone")
    plan.inner.add("sigmask")
    plan.inner.add("mkdir", s0="/nonexistent/y", flags=BEST_EFFORT)
    execute(plan.inner, ["/bin/true"])
    plan.outer.add("wait_exec")
    outcome = executor.run(plan)
    assert outcome.code == 0
    assert [(w.section, w.index, w.detail) for w in outcome.records("warn")] == [
        ("outer", 0, "/nonexistent/x"),
        ("inner", 1, "/nonexistent/y"),
    ]


def test_write_atomic_replaces_or_refuses_and_leaves_nothing_beside(executor: Executor, tmp_path: Path) -> None:
    path = tmp_path / "state" / "file"
    path.parent.mkdir()
    plan = new_plan()
    plan.outer.add("write_atomic", s0=str(path), blob=b"one", n0=0o640)
    executor.run(plan, umask=0o077).assert_success()
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one", 0o640)
    plan = new_plan()
    plan.outer.add("write_atomic", s0=str(path), blob=b"two", n0=0o600, flags=EXCLUSIVE)
    assert executor.run(plan).failure().errno == "EEXIST"
    assert path.read_text() == "one"
    plan.outer.steps[0]["flags"] = 0
    executor.run(plan).assert_success()
    assert path.read_text() == "two"
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_pidfd_open_checks_the_start_time(executor: Executor) -> None:
    start_time = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    plan = new_plan()
    plan.outer.add("pidfd_open", fd=0, n0=os.getpid(), n1=start_time)
    plan.outer.add("kill", fd=0, n0=0)
    executor.run(plan).assert_success()
    plan.outer.steps[0]["n1"] = start_time + 1
    assert executor.run(plan).failure().errno == "ESRCH"


def test_kill_and_wait_exit_work_on_any_process(executor: Executor) -> None:
    victim = subprocess.Popen(["/bin/sleep", "1000"])
    plan = new_plan()
    plan.outer.add("pidfd_open", fd=0, n0=victim.pid)
    index = plan.outer.add("wait_exit", fd=0, n0=50)
    assert executor.run(plan).failure().errno == "ETIMEDOUT"
    plan.outer.steps.insert(index, {"operation": "kill", "fd": 0, "n0": 9})
    plan.outer.steps[-1]["n0"] = 10_000
    executor.run(plan).assert_success()
    assert victim.wait() == -9


def test_cleanup_runs_once(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("cleanup")
    plan.outer.add("mkdir", s0="/nonexistent/x")
    hook(plan.cleanup, ["/bin/sh", "-c", f"echo x >> {tmp_path}/count"])
    executor.run(plan).failure()
    assert (tmp_path / "count").read_text() == "x\n"


def test_an_fd_can_be_sent_and_sockets_connected_by_long_paths(executor: Executor, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    directory = os.open(deep, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{directory}/socket")
        listener.listen()
        plan = new_plan()
        plan.outer.add("clone")
        plan.inner.add("await", n0=1)
        plan.outer.add("pidfd_send", s0=str(deep / "socket"))
        plan.outer.add("connect", fd=3, s0=str(deep / "socket"))
        executor.run(plan).assert_success()
        connection, _ = listener.accept()
        with connection:
            _, fds, _, _ = socket.recv_fds(connection, 16, 4)
    os.close(directory)
    assert "Pid:" in Path(f"/proc/self/fdinfo/{fds[0]}").read_text()
    os.close(fds[0])


def test_a_second_process_joins_by_pidfd_with_a_terminal_of_the_containers(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.usual_mounts()
    container.pivot()
    container.inner.add("sethostname", s0="joined")
    first = executor.start(
        container.run_in_foreground(["/bin/sh", "-c", "echo ready; read line"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert first.stdin is not None
    assert first.stdout is not None
    assert first.stdout.readline() == b"ready\n"
    init = int(Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text())
    plan = new_plan()
    plan.outer.add("pidfd_open", fd=0, n0=init)
    plan.outer.add("setns", fd=0, n0=CLONE_NEWPID, s0="pid")  # of children only
    plan.outer.add("clone")
    plan.inner.add("sigmask")
    plan.inner.add("setns", fd=0, n0=ALL_NAMESPACES & ~CLONE_NEWPID, s0="the container")
    plan.inner.add("console")
    plan.inner.add("close_range", n0=3)
    plan.inner.add("chdir", s0="/")
    execute(plan.inner, ["/bin/sh", "-c", "hostname; test -t 0 && echo terminal; cat /proc/1/comm; exit 4"])
    plan.outer.add("wait_exec")
    hook(
        plan.outer,
        ["/bin/sh", "-c", 'test "$(readlink /proc/self/ns/pid)" = "$(readlink /proc/$PPID/ns/pid)"'],
        env=["PATH=/bin"],
    )
    plan.outer.add("supervise", n0=1)
    outcome = executor.run(plan, stdin=subprocess.DEVNULL)
    first.stdin.write(b"\n")
    first.stdin.close()
    first.stdout.close()
    assert first.wait(DEADLINE_S) == 0
    assert (outcome.code, outcome.stdout, outcome.stderr) == (4, "joined\r\nterminal\r\nsh\r\n", "")
