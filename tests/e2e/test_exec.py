"""`exec`: what the process gets from the container, and what the flags change."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .cgroup_files import cgroup_of
from .config import DEFAULT_CAPABILITIES, remove_namespace, set_capabilities
from .marks import cold_only, orun_only
from .orphans import reap
from .proc_status import capability_mask, namespace_of, status_fields
from .waiting import is_alive, wait_for_exit, wait_until

if TYPE_CHECKING:
    from .container import Container


@pytest.fixture
def running(container: Container) -> Container:
    """A container that sleeps."""
    container.run_detached()
    return container


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_exec_exits_with_the_code_of_the_program(running: Container, code: int) -> None:
    assert running.exec_sh(f"exit {code}").code == code


def test_exec_exits_with_128_and_the_signal(running: Container) -> None:
    assert running.exec_sh("kill -KILL $$").code == 137


def test_exec_passes_stdin_and_both_outputs(running: Container) -> None:
    outcome = running.exec_sh("read line; echo out $line; echo err $line >&2", input="hello\n").check()
    assert (outcome.out, outcome.err) == ("out hello\n", "err hello\n")


def test_exec_is_in_every_namespace_of_the_container(running: Container) -> None:
    for kind in ("pid", "net", "ipc", "uts", "mnt", "cgroup", "user"):
        inside = running.exec("readlink", f"/proc/self/ns/{kind}").check().out.strip()
        assert inside == namespace_of(running.pid, kind), kind


def test_exec_is_in_every_cgroup_of_the_container(running: Container) -> None:
    inside = running.exec("cat", "/proc/self/cgroup").check().out
    assert inside == running.exec("cat", "/proc/1/cgroup").check().out
    assert running.id in inside


def test_exec_has_the_capabilities_of_the_container(running: Container) -> None:
    status = status_fields(running.exec("cat", "/proc/self/status").check().out)
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == capability_mask(*DEFAULT_CAPABILITIES)
    assert status["CapInh"] == status["CapAmb"] == capability_mask()
    assert status["NoNewPrivs"] == "1"


def test_a_missing_program_is_named(running: Container) -> None:
    outcome = running.exec("no-such-program")
    assert outcome.code != 0
    assert "no-such-program" in outcome.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("no-such-program",),
        ("/etc/passwd",),
        ("--cwd", "/no-such-directory", "true"),
        ("--user", "nobody-we-know", "true"),
        ("--env", "NO_VALUE", "true"),
        ("--process", "/no-such-file"),
    ],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_a_failed_exec_is_told_from_a_program_that_fails(running: Container, words: tuple[str, ...]) -> None:
    flags, command = words[: len(words) // 2 * 2], words[len(words) // 2 * 2 :]
    assert running.exec(*command, flags=flags).code == 255
    assert running.exec_sh("exit 1").code == 1


def test_exec_in_a_container_that_cannot_is_told_from_a_program_that_fails(container: Container) -> None:
    assert container.exec("true").code == 255
    container.run_detached()
    container.runtime.call("pause", container.id).check()
    assert container.exec("true").code == 255
    container.runtime.call("resume", container.id).check()
    container.stop()
    assert container.exec("true").code == 255


def test_a_wrong_command_line_of_exec_exits_with_1(running: Container) -> None:
    assert running.exec("true", flags=("--no-such-flag",)).code == 1
    assert running.runtime.call("exec").code == 1


def test_exec_in_a_stopped_container_is_refused(running: Container) -> None:
    running.stop()
    outcome = running.exec("true")
    assert outcome.code != 0
    assert "stopped" in outcome.err or "not running" in outcome.err


def test_exec_runs_in_a_created_container(container: Container) -> None:
    container.create().check()
    assert container.exec("hostname").check().out == "box\n"


def test_exec_without_a_command_is_refused(running: Container) -> None:
    assert running.runtime.call("exec", running.id).code != 0


@pytest.mark.parametrize(("user", "ids"), [("1000", "1000 0"), ("1000:1001", "1000 1001"), ("0:7", "0 7")])
def test_user_sets_uid_and_gid(running: Container, user: str, ids: str) -> None:
    assert running.exec_sh('echo "$(id -u) $(id -g)"', flags=("--user", user)).check().out.strip() == ids


def test_additional_gids_are_added(running: Container) -> None:
    flags = ("--user", "1000:1000", "--additional-gids", "10", "--additional-gids", "20")
    status = status_fields(running.exec("cat", "/proc/self/status", flags=flags).check().out)
    assert status["Groups"].split() == ["10", "20"]


def test_env_is_added(running: Container) -> None:
    out = running.exec("env", flags=("--env", "A=1", "--env", "B=two words")).check().lines
    assert {"A=1", "B=two words", "TERM=xterm"} <= set(out)


def test_env_replaces_what_the_container_has(running: Container) -> None:
    assert running.exec_sh("echo $TERM", flags=("-e", "TERM=dumb")).check().out == "dumb\n"


def test_a_variable_of_the_container_is_replaced_and_not_there_twice(container: Container) -> None:
    container.config["process"]["env"] += ["A=1", "HOME=/mine"]
    container.run_detached()
    flags = ("-e", "A=2", "-e", "A=3", "-e", "HOME=", "-e", "B=4")
    lines = container.exec("env", flags=flags).check().lines
    assert sorted(line for line in lines if line.startswith(("A=", "B=", "HOME="))) == ["A=3", "B=4", "HOME=/root"]


def test_home_is_of_the_user(running: Container) -> None:
    assert running.exec_sh("echo $HOME", flags=("--user", "1000")).check().out == "/home/user\n"


def test_cwd_is_the_containers_unless_given(running: Container) -> None:
    assert running.exec("pwd").check().out == "/\n"
    assert running.exec("pwd", flags=("--cwd", "/usr/bin")).check().out == "/usr/bin\n"


def test_a_cwd_that_does_not_exist_is_refused(running: Container) -> None:
    outcome = running.exec("pwd", flags=("--cwd", "/no/such"))
    assert outcome.code != 0
    assert "/no/such" in outcome.err


def test_cap_adds_a_capability(running: Container) -> None:
    status = status_fields(running.exec("cat", "/proc/self/status", flags=("--cap", "CAP_NET_ADMIN")).check().out)
    mask = capability_mask(*DEFAULT_CAPABILITIES, "CAP_NET_ADMIN")
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == mask


def test_an_unknown_capability_is_told_and_left_out(running: Container) -> None:
    outcome = running.exec("cat", "/proc/self/status", flags=("--cap", "CAP_NO_SUCH")).check()
    assert status_fields(outcome.out)["CapEff"] == capability_mask(*DEFAULT_CAPABILITIES)
    assert "CAP_NO_SUCH" in outcome.err


def test_no_new_privs_is_set_for_the_process(container: Container) -> None:
    container.config["process"]["noNewPrivileges"] = False
    container.run_detached()
    without = status_fields(container.exec("cat", "/proc/self/status").check().out)
    with_flag = status_fields(container.exec("cat", "/proc/self/status", flags=("--no-new-privs",)).check().out)
    assert (without["NoNewPrivs"], with_flag["NoNewPrivs"]) == ("0", "1")


def test_a_detached_exec_returns_while_the_program_runs(running: Container, directory: Path) -> None:
    pid_file = directory / "pid"
    running.exec("sleep", "10001", flags=("--detach", "--pid-file", str(pid_file))).check()
    pid = int(pid_file.read_text())
    assert is_alive(pid)
    assert pid in running.processes()
    running.delete("--force").check()
    wait_for_exit(pid, "the end of the detached process")


def test_a_detached_exec_is_left_to_the_caller(running: Container, directory: Path) -> None:
    pid_file = directory / "pid"
    running.exec_sh("exit 8", flags=("-d", "--pid-file", str(pid_file))).check()
    assert reap(int(pid_file.read_text())) == 8


def test_a_process_of_exec_ends_with_the_container(running: Container) -> None:
    call = running.runtime.begin("exec", running.id, "sh", "-c", "echo ready; exec sleep 10000")
    wait_until(lambda: "ready" in call.out(), "the program")
    running.stop()
    assert call.wait().code == 137


def test_exec_forwards_signals(running: Container) -> None:
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    call = running.runtime.begin("exec", running.id, "sh", "-c", script)
    wait_until(lambda: "ready" in call.out(), "the trap of the program")
    call.process.terminate()
    assert call.wait().code == 9


def _process_file(directory: Path, **fields: Any) -> str:
    process = {"args": ["id"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, **fields}
    path = directory / "process.json"
    path.write_text(json.dumps(process))
    return str(path)


def test_process_json_says_everything(running: Container, directory: Path) -> None:
    path = _process_file(
        directory,
        args=["sh", "-c", 'echo "$(id -u) $(id -g) $(pwd) $A $TERM"; cat /proc/self/status'],
        cwd="/tmp",
        env=["PATH=/bin", "A=b"],
        user={"uid": 12, "gid": 13, "additionalGids": [14]},
        capabilities={name: ["CAP_KILL"] for name in ("bounding", "permitted", "effective", "inheritable", "ambient")},
        noNewPrivileges=True,
    )
    outcome = running.runtime.call("exec", "--process", path, running.id).check()
    assert outcome.lines[0].rstrip() == "12 13 /tmp b"
    status = status_fields(outcome.out)
    assert status["Groups"] == "14"
    assert status["CapEff"] == status["CapAmb"] == status["CapBnd"] == capability_mask("CAP_KILL")
    assert status["NoNewPrivs"] == "1"


def test_process_json_that_is_no_json_is_refused(running: Container, directory: Path) -> None:
    (directory / "bad.json").write_text("{")
    assert running.runtime.call("exec", "--process", str(directory / "bad.json"), running.id).code != 0


def test_process_json_that_does_not_exist_is_refused(running: Container, directory: Path) -> None:
    assert running.runtime.call("exec", "--process", str(directory / "none.json"), running.id).code != 0


def test_preserve_fds_reach_the_process(running: Container, directory: Path) -> None:
    (directory / "file").write_text("preserved")
    with (directory / "file").open() as file:
        fd = os.dup2(file.fileno(), 3) if file.fileno() != 3 else 3
        script = "cat <&3"
        outcome = running.exec_sh(script, flags=("--preserve-fds", "1"), pass_fds=(fd,))
    assert outcome.check().out == "preserved"


def test_other_fds_do_not_reach_the_process(running: Container) -> None:
    with Path("/etc/hostname").open() as file:
        listing = running.exec("ls", "-l", "/proc/self/fd", pass_fds=(file.fileno(),)).check().out
    assert "hostname" not in listing


def test_cgroup_puts_the_process_below_the_cgroup_of_the_container(container: Container) -> None:
    container.run_detached()
    below = cgroup_of(container.pid, "pids") / "below"
    below.mkdir()
    outcome = container.exec("cat", "/proc/self/cgroup", flags=("--cgroup", "pids:below")).check()
    assert f"/{container.id}/below" in next(line for line in outcome.lines if ":pids:" in line)


def test_a_cgroup_that_does_not_exist_is_refused(container: Container) -> None:
    container.run_detached()
    assert container.exec("true", flags=("--cgroup", "pids:no-such-cgroup")).code != 0


@orun_only("runc tells no flag")
def test_a_cgroup_that_does_not_exist_is_named_by_the_flag(running: Container) -> None:
    outcome = running.exec("true", flags=("--cgroup", "pids:no-such-cgroup")).refused()
    assert f'cannot exec in container "{running.id}": --cgroup: openat ' in outcome.err
    assert "no-such-cgroup" in outcome.err


def test_exec_tells_the_log_what_failed(running: Container, directory: Path) -> None:
    log = directory / "log.json"
    running.runtime.call("--log", log, "--log-format", "json", "exec", running.id, "no-such-program").refused()
    (entry,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert entry["level"] == "error"
    assert "no-such-program" in entry["msg"]


def test_exec_with_a_seccomp_filter_keeps_it(container: Container) -> None:
    set_capabilities(container.config, "CAP_KILL")
    container.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}],
    }
    container.run_detached()
    outcome = container.exec("mkdir", "/tmp/x")
    assert outcome.code == 1
    assert "not supported" in outcome.err


@orun_only("runc tells no field")
def test_what_a_flag_gave_is_named_by_the_flag(running: Container) -> None:
    missing = running.exec("no-such-program")
    assert 'command ("no-such-program"): ' in missing.err
    cwd = running.exec("true", flags=("--cwd", "/bin/busybox"))
    assert f'cannot exec in container "{running.id}": --cwd ("/bin/busybox"): ' in cwd.err
    assert "config.json" not in missing.err + cwd.err
    assert "process." not in missing.err


@orun_only("runc tells no field")
def test_what_a_process_file_gave_is_named_by_the_file(running: Container) -> None:
    path = running.runtime.directory / "process.json"
    path.write_text(json.dumps({"args": ["true"], "cwd": "/bin/busybox"}))
    outcome = running.exec(flags=("--process", str(path)))
    assert f'cannot exec in container "{running.id}": {path}: cwd ("/bin/busybox"): ' in outcome.err


def test_a_process_file_that_is_a_directory_is_refused(running: Container) -> None:
    outcome = running.exec(flags=("--process", str(running.runtime.directory)))
    assert outcome.code != 0
    assert "is a directory" in outcome.err.lower()
    if running.runtime.program.name == "orun":
        assert f"--process: read {running.runtime.directory}: EISDIR" in outcome.err


@orun_only("runc's exec is in the files of the host")
@cold_only("a resident planner serves nobody with another root")
def test_exec_of_a_caller_in_a_chroot_is_in_the_container(container: Container, directory: Path) -> None:
    """Its root directory is not the root of its mount namespace, so the container's is not either."""
    root = directory / "chroot"
    root.mkdir()
    container.runtime.enter_mount_namespace(f"mount --rbind / {root}")
    container.runtime.prefix += ["chroot", str(root)]
    container.run_detached()
    (container.rootfs / "marker").touch()
    assert container.exec("ls", "/marker").check().lines == ["/marker"]
    assert container.exec("ls", str(root)).code != 0


@orun_only("runc's exec is in the files of the host")
def test_exec_in_a_container_without_a_mount_namespace_is_in_its_root(container: Container) -> None:
    remove_namespace(container.config, "mount")
    container.config["mounts"] = []
    container.config["root"]["readonly"] = False
    for key in ("maskedPaths", "readonlyPaths"):
        container.config["linux"].pop(key, None)
    container.run_detached()
    (container.rootfs / "marker").touch()
    assert container.exec("ls", "/marker").check().lines == ["/marker"]
