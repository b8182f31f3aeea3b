"""config.json `linux.seccomp`: actions, arguments, defaults."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import pytest

from .config import set_capabilities
from .marks import orun_only
from .proc_status import status_fields

if TYPE_CHECKING:
    from .container import Container

ARCHITECTURE = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}[platform.machine()]
MKDIR = ["mkdir", "mkdirat"]


def _filter(container: Container, *rules: dict[str, Any], **fields: Any) -> None:
    container.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": [ARCHITECTURE],
        "syscalls": list(rules),
        **fields,
    }


def test_errno_makes_a_call_fail(container: Container) -> None:
    _filter(container, {"names": MKDIR, "action": "SCMP_ACT_ERRNO"})
    outcome = container.run("mkdir", "/tmp/x")
    assert outcome.code == 1
    assert "Operation not permitted" in outcome.err


def test_errno_ret_is_the_error(container: Container) -> None:
    _filter(container, {"names": MKDIR, "action": "SCMP_ACT_ERRNO", "errnoRet": 95})
    outcome = container.run("mkdir", "/tmp/x")
    assert outcome.code == 1
    assert "Operation not supported" in outcome.err


@orun_only("runc changes the user and the directory with the filter loaded")
@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_calls_that_the_runtime_itself_makes_late_may_be_refused(
    container: Container, user: int, *, no_new_privileges: bool
) -> None:
    process = container.config["process"]
    process["user"] = {"uid": user, "gid": user}
    process["noNewPrivileges"] = no_new_privileges
    process["cwd"] = "/tmp"
    _filter(container, {"names": ["getcwd", "chdir", "setresuid", "setgroups"], "action": "SCMP_ACT_ERRNO"})
    outcome = container.run_sh("pwd -P; id -u; cd /")
    assert outcome.out.splitlines()[-1] == str(user)
    assert "Operation not permitted" in outcome.err


def test_other_calls_are_not_touched(container: Container) -> None:
    _filter(container, {"names": MKDIR, "action": "SCMP_ACT_ERRNO"})
    container.run("ls", "/").check()


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP"])
def test_kill_ends_the_process(container: Container, action: str) -> None:
    _filter(container, {"names": MKDIR, "action": action})
    assert container.run_sh("mkdir /dev/shm/x; echo code $?").check().out.strip().endswith("code 159")


@pytest.mark.parametrize("action", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"])
def test_allow_and_log_let_a_call_through(container: Container, action: str) -> None:
    _filter(
        container,
        {"names": ["fchmodat", "chmod", "fchmod"], "action": "SCMP_ACT_ERRNO"},
        {"names": MKDIR, "action": action},
    )
    container.run("mkdir", "/dev/shm/x").check()


def test_a_default_of_log_lets_everything_through(container: Container) -> None:
    _filter(container, {"names": MKDIR, "action": "SCMP_ACT_ERRNO"}, defaultAction="SCMP_ACT_LOG")
    container.run("ls", "/").check()
    assert container.run("mkdir", "/dev/shm/x").code == 1


def test_an_argument_decides(container: Container) -> None:
    # kill(pid, 0) only asks whether a process is there.
    rule = {
        "names": ["kill"],
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": 95,
        "args": [{"index": 1, "value": 0, "op": "SCMP_CMP_EQ"}],
    }
    _filter(container, rule)
    outcome = container.run_sh("kill -0 $$; sleep 10000 & kill -TERM $! && echo sent")
    assert "not supported" in outcome.err
    assert outcome.out == "sent\n"


def test_a_masked_argument_decides(container: Container) -> None:
    rule = {
        "names": ["kill"],
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": 95,
        "args": [{"index": 1, "value": 1, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}],
    }
    _filter(container, rule)  # odd signals only
    outcome = container.run_sh("sleep 10000 & kill -TERM $!; kill -HUP $!; kill -WINCH $! && echo sent; kill -KILL $!")
    assert outcome.err.count("not supported") == 3
    assert outcome.out == "sent\n"


def test_all_arguments_of_a_rule_must_match(container: Container) -> None:
    rule = {
        "names": ["kill"],
        "action": "SCMP_ACT_ERRNO",
        "args": [{"index": 1, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 1, "op": "SCMP_CMP_NE"}],
    }
    _filter(container, rule)
    container.run_sh("kill -0 1").check()


def test_the_filter_stands_in_proc(container: Container) -> None:
    _filter(container, {"names": MKDIR, "action": "SCMP_ACT_ERRNO"})
    status = status_fields(container.run("cat", "/proc/self/status").check().out)
    assert status["Seccomp"] == "2"


def test_no_section_means_no_filter(container: Container) -> None:
    assert status_fields(container.run("cat", "/proc/self/status").check().out)["Seccomp"] == "0"


def test_a_filter_works_without_no_new_privileges(container: Container) -> None:
    container.config["process"]["noNewPrivileges"] = False
    _filter(container, {"names": MKDIR, "action": "SCMP_ACT_ERRNO", "errnoRet": 95})
    outcome = container.run("mkdir", "/tmp/x")
    assert "not supported" in outcome.err


def test_a_filter_works_for_another_user(container: Container) -> None:
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    _filter(container, {"names": MKDIR, "action": "SCMP_ACT_ERRNO", "errnoRet": 95})
    assert "not supported" in container.run("mkdir", "/tmp/x").err


def test_a_list_of_allowed_calls(container: Container) -> None:
    set_capabilities(container.config)
    allowed = (
        "read write readv writev open openat close stat fstat newfstatat statx lstat mmap mprotect munmap brk"
        " rt_sigaction rt_sigprocmask rt_sigreturn ioctl access faccessat faccessat2 execve exit exit_group arch_prctl"
        " set_tid_address set_robust_list rseq prlimit64 getrandom getuid geteuid getgid getegid uname futex fcntl"
        " getpid getppid prctl readlink readlinkat capget capset setuid setgid setgroups chdir getcwd nanosleep"
        " epoll_ctl epoll_pwait getdents64 sendfile sigaltstack tgkill dup dup2 dup3 pread64 lseek poll close_range"
        " fstatfs statfs"
    )
    _filter(container, {"names": allowed.split(), "action": "SCMP_ACT_ALLOW"}, defaultAction="SCMP_ACT_ERRNO")
    container.run("echo", "hello").check()
    assert "not permitted" in container.run("mkdir", "/dev/shm/x").err


def test_a_call_that_no_kernel_knows_is_ignored(container: Container) -> None:
    _filter(container, {"names": ["no_such_call", *MKDIR], "action": "SCMP_ACT_ERRNO"})
    assert container.run("mkdir", "/dev/shm/x").code == 1


def test_flags_are_accepted(container: Container) -> None:
    _filter(container, {"names": MKDIR, "action": "SCMP_ACT_ERRNO"}, flags=["SECCOMP_FILTER_FLAG_LOG"])
    assert container.run("mkdir", "/dev/shm/x").code == 1
