"""config.json `process`: user, cwd, environment, capabilities, limits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .config import set_capabilities
from .marks import orun_only
from .proc_status import capability_mask, status_fields

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container

ALL_SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")


def _status(container: Container) -> dict[str, str]:
    return status_fields(container.run("cat", "/proc/self/status").check().out)


def test_user_is_uid_and_gid(container: Container) -> None:
    container.config["process"]["user"] = {"uid": 1000, "gid": 1001}
    status = _status(container)
    assert status["Uid"].split() == ["1000"] * 4
    assert status["Gid"].split() == ["1001"] * 4
    assert status["Groups"] == ""


def test_additional_gids_are_the_only_groups(container: Container) -> None:
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 44, 70000]}
    assert _status(container)["Groups"].split() == ["5", "44", "70000"]


def test_the_groups_of_the_caller_are_dropped(container: Container) -> None:
    assert _status(container)["Groups"] == ""


def test_umask_is_set(container: Container) -> None:
    container.config["process"]["user"]["umask"] = 0o027
    assert _status(container)["Umask"] == "0027"


def test_umask_is_022_by_default(container: Container) -> None:
    assert _status(container)["Umask"] == "0022"


def test_the_umask_of_the_caller_does_not_matter(container: Container) -> None:
    container.runtime.prefix = ["sh", "-c", 'umask 077; exec "$@"', "sh"]
    container.config["mounts"].append({"destination": "/made", "type": "tmpfs", "source": "tmpfs"})
    outcome = container.run_sh("stat -c %a /dev /dev/null /made; umask").check()
    assert outcome.lines == ["755", "666", "1777", "0022"]


def test_cwd_is_entered(container: Container) -> None:
    container.config["process"]["cwd"] = "/usr/bin"
    assert container.run("pwd").check().out == "/usr/bin\n"


def test_a_missing_cwd_is_made(container: Container) -> None:
    container.config["process"]["cwd"] = "/work/deep/down"
    assert container.run("pwd").check().out == "/work/deep/down\n"
    assert (container.rootfs / "work/deep/down").is_dir()


def test_a_cwd_that_only_the_user_may_enter(container: Container) -> None:
    (container.rootfs / "home/user").chmod(0o700)
    container.config["process"] |= {"cwd": "/home/user", "user": {"uid": 1000, "gid": 1000}}
    assert container.run("pwd").check().out == "/home/user\n"


def test_a_cwd_that_is_a_file_is_refused(container: Container) -> None:
    container.config["process"]["cwd"] = "/etc/passwd"
    assert container.run("true").code == 1


def test_the_environment_is_exactly_the_configured_one(container: Container, token: str) -> None:
    container.config["process"]["env"] = ["PATH=/bin", "A=b", "SPACES=a b  c", "EMPTY=", f"E2E_TOKEN={token}"]
    lines = container.run("env", env={"FROM_CALLER": "1"}).check().lines
    assert sorted(lines) == sorted(["PATH=/bin", "A=b", "SPACES=a b  c", "EMPTY=", f"E2E_TOKEN={token}", "HOME=/root"])


def test_a_variable_that_is_there_twice_has_its_last_value(container: Container) -> None:
    container.config["process"]["env"] = ["PATH=/nowhere", "A=1", "HOME=/x", "A=2", "PATH=/bin", "HOME=/y"]
    assert sorted(container.run("env").check().lines) == ["A=2", "HOME=/y", "PATH=/bin"]


def test_home_comes_from_etc_passwd_of_the_rootfs(container: Container) -> None:
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    assert container.run_sh("echo $HOME").check().out == "/home/user\n"


def test_home_is_slash_for_an_unknown_user(container: Container) -> None:
    container.config["process"]["user"] = {"uid": 4242, "gid": 4242}
    assert container.run_sh("echo $HOME").check().out == "/\n"


def test_a_given_home_is_kept(container: Container) -> None:
    container.config["process"]["env"].append("HOME=/elsewhere")
    assert container.run_sh("echo $HOME").check().out == "/elsewhere\n"


def test_path_of_the_environment_finds_the_program(container: Container) -> None:
    (container.rootfs / "opt").mkdir()
    (container.rootfs / "opt/tool").symlink_to("../bin/busybox")
    (container.rootfs / "opt/hostname").symlink_to("../bin/busybox")
    container.config["process"]["env"][0] = "PATH=/nowhere:/opt"
    assert container.run("hostname").check().out == "box\n"


def test_a_program_may_be_relative_to_cwd(container: Container) -> None:
    container.config["process"]["cwd"] = "/bin"
    assert container.run("./hostname").check().out == "box\n"


def test_arguments_are_passed_unchanged(container: Container) -> None:
    words = ["printf", "%s|", "two words", "", "quote'\"", "ünï", "-x", "new\nline", "$HOME"]
    assert container.run(*words).check().out == "two words||quote'\"|ünï|-x|new\nline|$HOME|"


def test_capabilities_are_exactly_the_configured_ones(container: Container) -> None:
    set_capabilities(container.config, "CAP_CHOWN", "CAP_KILL")
    status = _status(container)
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] == capability_mask("CAP_CHOWN", "CAP_KILL")
    assert status["CapInh"] == status["CapAmb"] == capability_mask()


@orun_only("runc 1.1 says nothing of it in its log; that the container starts is the same")
def test_an_unknown_capability_is_a_warning(container: Container, directory: Path) -> None:
    set_capabilities(container.config, "CAP_KILL", "CAP_NO_SUCH")
    log = directory / "log.json"
    container.config["process"]["args"] = ["cat", "/proc/self/status"]
    words = ("--log", log, "--log-format", "json", "run", "--bundle", container.bundle.write(), container.id)
    status = status_fields(container.runtime.call(*words).check().out)
    assert status["CapEff"] == capability_mask("CAP_KILL")
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert {entry["level"] for entry in entries} == {"warning"}
    assert all('cannot be granted: "CAP_NO_SUCH"' in entry["msg"] for entry in entries)


def test_an_unknown_capability_is_told_on_stderr_without_a_log(container: Container) -> None:
    set_capabilities(container.config, "CAP_KILL", "CAP_NO_SUCH")
    assert "CAP_NO_SUCH" in container.run("true").check().err


def test_each_capability_set_is_its_own(container: Container) -> None:
    container.config["process"]["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_MKNOD"],
        "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
        "inheritable": ["CAP_NET_RAW"],
        "effective": ["CAP_NET_RAW"],
        "ambient": ["CAP_NET_RAW"],
    }
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    status = _status(container)
    assert status["CapBnd"] == capability_mask("CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_MKNOD")
    # execve of a program without file capabilities, by another user than root: only the ambient ones stay.
    assert (
        status["CapPrm"] == status["CapEff"] == status["CapInh"] == status["CapAmb"] == capability_mask("CAP_NET_RAW")
    )


def test_ambient_capabilities_reach_a_user_that_is_not_root(container: Container) -> None:
    set_capabilities(container.config, "CAP_NET_BIND_SERVICE", sets=ALL_SETS)
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    status = _status(container)
    assert status["CapEff"] == status["CapAmb"] == capability_mask("CAP_NET_BIND_SERVICE")


def test_without_ambient_ones_another_user_has_none(container: Container) -> None:
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    status = _status(container)
    assert status["CapEff"] == status["CapPrm"] == capability_mask()
    assert status["CapBnd"] != capability_mask()


def test_no_capabilities_means_none(container: Container) -> None:
    container.config["process"]["capabilities"] = {}
    status = _status(container)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {capability_mask()}


def test_a_dropped_capability_cannot_be_used(container: Container) -> None:
    outcome = container.run("chroot", "/usr", "true")
    assert outcome.code != 0
    assert "not permitted" in outcome.err


def test_a_granted_capability_can_be_used(container: Container) -> None:
    set_capabilities(container.config, "CAP_SYS_CHROOT")
    container.run("chroot", "/", "/bin/true").check()


@pytest.mark.parametrize("value", [True, False])
def test_no_new_privileges_is_as_configured(container: Container, value: bool) -> None:
    container.config["process"]["noNewPrivileges"] = value
    assert _status(container)["NoNewPrivs"] == str(int(value))


def test_no_new_privileges_disarms_setuid(container: Container) -> None:
    program = container.rootfs / "setuid-id"
    program.write_bytes((container.rootfs / "bin/busybox").read_bytes())
    program.chmod(0o4755)
    (container.rootfs / "id").symlink_to("setuid-id")
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    assert container.run("/id", "-u").check().out == "1000\n"


def test_rlimits_are_set(container: Container) -> None:
    container.config["process"]["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        {"type": "RLIMIT_NPROC", "soft": 50, "hard": 60},
        {"type": "RLIMIT_FSIZE", "soft": 1000000, "hard": 2000000},
    ]
    limits = container.run("cat", "/proc/self/limits").check().out
    values = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    assert values["Max open files"] == ["100", "200"]
    assert values["Max core file size"] == ["0", "0"]
    assert values["Max processes"] == ["50", "60"]
    assert values["Max file size"] == ["1000000", "2000000"]


def test_oom_score_adj_is_set(container: Container) -> None:
    container.config["process"]["oomScoreAdj"] = 333
    assert container.run("cat", "/proc/self/oom_score_adj").check().out == "333\n"


def test_the_program_is_pid_1_of_its_own_session(container: Container) -> None:
    out = container.run_sh("echo $$; cut -d' ' -f 5,6 /proc/1/stat").check().lines
    assert out == ["1", "1 1"]


def test_no_signal_is_blocked_or_ignored(container: Container) -> None:
    container.runtime.prefix = ["sh", "-c", 'trap "" TERM USR1 HUP; exec "$@"', "sh"]
    status = _status(container)
    assert int(status["SigBlk"], 16) == 0


def test_only_stdio_is_open(container: Container) -> None:
    listing = container.run("ls", "/proc/self/fd").check().lines
    assert listing == ["0", "1", "2", "3"]  # 3 is the directory that ls reads


def test_preserve_fds_reach_the_program(container: Container) -> None:
    path = container.runtime.directory / "file"
    path.write_text("preserved")
    with path.open() as file:
        container.runtime.prefix = ["bash", "-c", f'exec 3<&{file.fileno()}; exec "$@"', "bash"]
        outcome = container.run_sh("cat <&3", flags=("--preserve-fds", "1"), pass_fds=(file.fileno(),))
    assert outcome.check().out == "preserved"


def test_no_new_keyring_is_accepted(container: Container) -> None:
    container.run("true", flags=("--no-new-keyring",)).check()


def test_no_pivot_changes_the_root_too(container: Container) -> None:
    outcome = container.run_sh("hostname; ls / | grep -c usr; readlink /proc/self/root", flags=("--no-pivot",)).check()
    assert outcome.lines == ["box", "1", "/"]


@pytest.mark.parametrize("kind", ["proc", "sysfs"])
def test_no_pivot_leaves_no_whole_proc_or_sys_of_the_host_that_would_let_a_user_namespace_mount_one(
    container: Container, kind: str
) -> None:
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}  # to map root needs no capability then
    new = {"proc": "--pid --fork", "sysfs": "--net"}[kind]
    unshare = f"unshare --user --map-root-user --mount {new}"
    outcome = container.run_sh(f"{unshare} id -u; {unshare} mount -t {kind} {kind} /tmp", flags=("--no-pivot",))
    assert outcome.out == "0\n"
    assert outcome.code != 0
    assert "ermission denied" in outcome.err or "not permitted" in outcome.err


def test_no_pivot_keeps_the_containers_own_proc_and_sys_and_the_hosts_outside(container: Container) -> None:
    namespace = container.runtime.enter_mount_namespace("true")  # in which nobody else mounts meanwhile
    before = namespace.shell("cat /proc/self/mounts")
    out = container.run_sh(
        "cat /proc/1/comm; test -d /sys/kernel && grep -c . /proc/self/mounts", flags=("--no-pivot",)
    )
    assert out.check().lines[0] == "sh"
    assert namespace.shell("cat /proc/self/mounts") == before
