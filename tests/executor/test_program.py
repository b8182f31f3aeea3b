"""What the program finds: its fds, identity, capabilities, namespaces, filters, and the program itself."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest
from plan_file import (
    ALL_NAMESPACES,
    CLONE_NEWCGROUP,
    CLONE_NEWUSER,
    Container,
    Executor,
    execute,
    new_plan,
    shell_container,
    u32_blob,
    u64_blob,
)
from waiting import wait_until

from orlop.plan.operations import TEMPLATE_PID


def test_a_program_that_is_missing_fails_before_the_exec(executor: Executor, root: Path) -> None:
    for name, path, errno, detail in [
        ("/bin/missing", None, "ENOENT", "/bin/missing: no such file or directory"),
        ("missing", "/bin:/sbin", "ENOENT", "missing: executable file not found in $PATH"),
        ("missing", None, "ENOENT", "missing: executable file not found in $PATH"),
        ("/bin", None, "EACCES", "/bin: permission denied"),
        ("plain", "/bin:/etc", "EACCES", "plain: permission denied"),
    ]:
        (root / "etc" / "plain").write_text("no program")
        container = Container(root)
        container.pivot()
        container.inner.add("lookup_program", s0=name, s1=path)
        failure = executor.run(container.plan_with_wait()).failure()
        assert (failure.op, failure.errno, failure.detail) == ("lookup_program", errno, detail)


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


def test_a_filter_that_needs_privilege_can_follow_the_change_of_user(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.usual_mounts()
    container.pivot()
    container.inner.add("identity", n0=1000, n1=1000, blob=b"", s0="groups")
    container.inner.add("regain_capabilities")
    container.inner.add("seccomp", blob=struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000))
    container.inner.add("capabilities", blob=u64_blob(0, 0, 0, 0))
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", "id -u; grep Cap /proc/self/status"]))
    lines = outcome.assert_success().stdout.splitlines()
    assert lines[0] == "1000"
    assert {line.split()[0]: int(line.split()[1], 16) for line in lines[1:]}["CapEff:"] == 0


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
