"""Init, its parent and what they say to each other: failures, deaths, fds, signals, exit codes."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from plan_file import (
    ALL_NAMESPACES,
    CLONE_NEWCGROUP,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    Container,
    Executor,
    execute,
    hook,
    new_plan,
    shell_container,
    u32_blob,
    u64_blob,
)
from waiting import is_alive, wait_until

from orlop.plan.operations import BEST_EFFORT, EXCLUSIVE, IGNORE_ENOENT, TEMPLATE_PID, TEMPLATE_START_TIME

ALL_CAPABILITIES = (1 << 41) - 1


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
    assert process.wait(10) == 7
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
    assert process.wait(10) == 3


def test_a_failure_inside_has_its_index_and_cleanup_runs(executor: Executor, root: Path, tmp_path: Path) -> None:
    container = Container(root)
    container.pivot()
    index = container.inner.add("chdir", s0="/nonexistent")
    container.cleanup.add("write", s0=str(tmp_path / "cleaned"), blob=b"x", n0=0o100)
    failure = executor.run(container.run_in_foreground(["/bin/true"])).failure()
    assert (failure.section, failure.index, failure.op, failure.errno) == ("inner", index, "chdir", "ENOENT")
    assert failure.where == "inner"
    assert (tmp_path / "cleaned").exists()


def test_a_program_that_is_missing_fails_before_the_exec(executor: Executor, root: Path) -> None:
    for name, path, errno, detail in [
        ("/bin/missing", None, "ENOENT", "/bin/missing"),
        ("missing", "/bin:/sbin", "ENOENT", "missing: executable file not found in $PATH"),
        ("missing", None, "ENOENT", "missing: executable file not found in $PATH"),
        ("/bin", None, "EACCES", "/bin"),
        ("plain", "/bin:/etc", "EACCES", "plain"),
    ]:
        (root / "etc" / "plain").write_text("no program")
        container = Container(root)
        container.pivot()
        container.inner.add("lookup_program", s0=name, s1=path)
        failure = executor.run(container.plan_with_wait()).failure()
        assert (failure.op, failure.errno, failure.detail) == ("lookup_program", errno, detail)


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
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    _, error = process.communicate(timeout=10)
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


def test_no_fd_of_ours_or_the_callers_reaches_the_program(executor: Executor, root: Path) -> None:
    """CVE-2024-21626: what the caller leaked ends with close_range."""
    container = Container(root)
    container.usual_mounts()
    container.pivot()
    container.drop()
    plan = container.run_in_foreground(["/bin/ls", "/proc/self/fd"])
    leaked = [os.open("/", os.O_RDONLY) for _ in range(3)]
    outcome = executor.run(plan, pass_fds=leaked).assert_success()
    for fd in leaked:
        os.close(fd)
    assert outcome.stdout.split() == ["0", "1", "2", "3"]  # 3 is ls's own


def test_preserved_fds_keep_number_and_content(executor: Executor, root: Path, tmp_path: Path) -> None:
    container = Container(root)
    container.usual_mounts()
    container.pivot()
    container.inner.add("close_range", n0=6)
    plan = container.run_in_foreground(["/bin/sh", "-c", "cat <&3; cat <&5; ls /proc/self/fd"])
    for name in "35":
        (tmp_path / name).write_text(f"file {name}\n")
    command = f'exec 3<{tmp_path}/3 5<{tmp_path}/5 7</; exec "$0" "$@"'
    done = subprocess.run(
        ["/bin/bash", "-c", command, str(executor.program), str(executor.write(plan))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split("\n") == ["file 3", "file 5", "0", "1", "2", "3", "4", "5", ""]  # 4 is ls's own
    assert done.stderr == ""


@pytest.mark.parametrize("limit", [64, 4096])
def test_a_low_limit_of_fds_is_enough_for_a_small_plan(executor: Executor, root: Path, limit: int) -> None:
    plan = executor.write(shell_container(root, "echo done"))
    command = f'ulimit -n {limit}; exec "$0" "$@"'
    done = subprocess.run(
        ["/bin/bash", "-c", command, str(executor.program), str(plan)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_identity_capabilities_and_no_new_privs(executor: Executor, root: Path) -> None:
    kept = 1 << 0 | 1 << 10
    container = Container(root)
    container.usual_mounts()
    container.pivot()
    container.inner.add("bounding_set", n0=kept | 1 << 5)
    container.inner.add("identity", n0=1000, n1=1001, blob=u32_blob(5, 6), s0="groups")
    container.inner.add("capabilities", blob=u64_blob(kept, kept, 1 << 10, 1 << 10))
    container.inner.add("no_new_privs")
    container.inner.add("umask", n0=0o027)
    container.inner.add("rlimit", n0=7, s0="RLIMIT_NOFILE", blob=u64_blob(100, 200))
    script = "id; umask; ulimit -n; ulimit -Hn; cat /proc/self/status"
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", script]))
    lines = outcome.assert_success().stdout.splitlines()
    assert lines[:4] == ["uid=1000 gid=1001 groups=5,6", "0027", "100", "200"]
    status = dict(line.split(":\t", 1) for line in lines[4:] if ":\t" in line)
    assert {key: int(status[key], 16) for key in ("CapBnd", "CapAmb", "CapInh", "CapPrm", "CapEff")} == {
        "CapBnd": kept | 1 << 5, "CapAmb": 1 << 10, "CapInh": 1 << 10, "CapPrm": 1 << 10, "CapEff": 1 << 10,
    }  # fmt: skip
    assert status["NoNewPrivs"] == "1"
    assert status["SigBlk"].strip() == "0" * 16


def test_a_user_namespace_and_its_maps(executor: Executor, root: Path) -> None:
    root.parent.chmod(0o755)
    container = Container(root, ALL_NAMESPACES | CLONE_NEWUSER)
    container.inner.steps.insert(0, {"operation": "await", "n0": 1})
    container.outer.add("write_init_proc", s0="uid_map", blob=b"0 100000 1000\n")
    container.outer.add("write_init_proc", s0="gid_map", blob=b"0 200000 1000\n")
    container.outer.add("release", n0=1)
    container.inner.add("identity", n0=0, n1=0, blob=b"", s0="groups")
    container.pivot()
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", "id"])).assert_success()
    assert outcome.stdout == "uid=0 gid=0\n"


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
    process.communicate(b"\n", timeout=10)
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


@pytest.mark.parametrize("strict", [False, True])
def test_seccomp_filters_the_program_only(executor: Executor, strict: bool) -> None:
    deny_mkdir = [(0x20, 0, 0, 0), (0x15, 0, 1, 83), (0x06, 0, 0, 0x00050000 | 99), (0x06, 0, 0, 0x7FFF0000)]
    plan = new_plan()
    plan.outer.add("clone")
    plan.inner.add("sigmask")
    if strict:
        plan.inner.add("no_new_privs")
    plan.inner.add("seccomp", blob=b"".join(struct.pack("<HBBI", *row) for row in deny_mkdir))
    execute(plan.inner, ["/bin/mkdir", "/tmp"], ["PATH=/bin", "LC_ALL=C"])
    plan.outer.add("wait_exec")
    plan.outer.add("supervise")
    outcome = executor.run(plan)
    assert outcome.code == 1
    assert "Cannot assign requested address" in outcome.stderr


def test_loopback_comes_up(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.usual_mounts()
    container.inner.add("loopback")
    container.pivot()
    outcome = executor.run(container.run_in_foreground(["/bin/busybox", "ip", "addr", "show", "lo"])).assert_success()
    assert "inet 127.0.0.1/8" in outcome.stdout


def test_a_cgroup_namespace_and_a_keyring(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.usual_mounts()
    container.inner.add("unshare", n0=CLONE_NEWCGROUP)
    container.inner.add("keyring", s0="_ses.test")
    container.inner.add("setsid")
    container.inner.add("stdio_owner", n0=0)
    container.inner.add("setdomainname", s0="domain")
    container.pivot()
    outcome = executor.run(
        container.run_in_foreground(["/bin/cat", "/proc/sys/kernel/domainname", "/proc/self/cgroup"])
    )
    assert outcome.assert_success().stdout.startswith("domain\n")


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
    assert first.wait(10) == 0
    assert (outcome.code, outcome.stdout, outcome.stderr) == (4, "joined\r\nterminal\r\nsh\r\n", "")


def test_a_process_that_joins_cannot_be_traced_from_inside(executor: Executor, tmp_path: Path) -> None:
    """CVE-2016-9962: between joining and execve, it holds fds of the host."""
    os.mkfifo(tmp_path / "fifo")
    plan = new_plan()
    plan.outer.add("open", fd=0, s0="/proc/self/ns/uts")
    plan.outer.add("clone")
    plan.outer.add("write_atomic", s0=str(tmp_path / "pid"), blob=TEMPLATE_PID, n0=0o600)
    plan.inner.add("setns", fd=0, s0="uts")
    plan.inner.add("identity", n0=1000, n1=1000)
    plan.inner.add("await", n0=1)
    plan.outer.add("wait_signal", n0=1)
    process = executor.start(plan, stderr=subprocess.DEVNULL)
    wait_until((tmp_path / "pid").exists, "the pid file")
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: "Uid:\t1000" in Path(f"/proc/{pid}/status").read_text(), "the identity")
    reading = ["/bin/sh", "-c", f"ls /proc/{pid}/fd"]
    assert subprocess.run(reading, user=1000, group=1000, capture_output=True, check=False).returncode != 0
    process.kill()
    process.wait()
