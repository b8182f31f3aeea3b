"""podman with this runtime: what people type, and what podman does with the runtime's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.waiting import wait_until

from .podman import IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from .podman import Podman

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_peer("podman")]

_SLEEP = (IMAGE, "sleep", "1000")
_NO_ORDERLY_END = ("--time", "0")


def test_run_has_the_programs_output_and_exit_code(podman: Podman) -> None:
    answer = podman.run("--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 3", code=3)
    assert answer.out == "out\n"
    assert "err\n" in answer.err


def test_run_gives_the_program_its_stdin(podman: Podman) -> None:
    assert podman.run("--rm", "--interactive", IMAGE, "cat", stdin="words\n").out == "words\n"


@pytest.mark.parametrize(("word", "code"), [("no-such-program", 127), ("/etc/passwd", 126)])
def test_podman_knows_a_missing_program_from_one_that_is_none(podman: Podman, word: str, code: int) -> None:
    podman.run("--rm", IMAGE, word, code=code)


def test_a_terminal_is_the_programs(podman: Podman) -> None:
    answer = podman.run("--rm", "--tty", IMAGE, "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && echo tty")
    assert answer.line == "tty"


def test_exec_runs_beside_init(podman: Podman) -> None:
    podman.run("--detach", "--name", "box", *_SLEEP)
    assert podman("exec", "box", "sh", "-c", "echo $$; exit 7", code=7).line != "1"
    answer = podman(
        "exec", "--user", "1000:1000", "--env", "A=b", "--workdir", "/tmp", "box", "sh", "-c", "id -u; pwd; echo $A"
    )
    assert answer.out.split() == ["1000", "/tmp", "b"]
    assert podman("exec", "--tty", "box", "sh", "-c", "test -t 0 && echo tty").line == "tty"
    assert podman("exec", "--interactive", "box", "cat", stdin="words").out == "words"
    podman("exec", "--detach", "box", "touch", "/tmp/made")
    wait_until(lambda: podman.answer("exec", "box", "test", "-e", "/tmp/made").code == 0, "the detached exec's file")
    assert podman.answer("exec", "box", "no-such-program").code == 127


def test_pause_stops_every_process_and_unpause_lets_it_go_on(podman: Podman) -> None:
    podman.run("--detach", "--name", "box", *_SLEEP)
    podman("pause", "box")
    assert podman.status("box") == "paused"
    podman("unpause", "box")
    assert podman.status("box") == "running"
    assert podman("exec", "box", "echo", "alive").out == "alive\n"


def test_stop_is_orderly_and_the_container_can_start_again(podman: Podman) -> None:
    script = "trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    podman.run("--detach", "--name", "box", IMAGE, "sh", "-c", script)
    wait_until(lambda: "ready" in podman("logs", "box").out, "the program's first line")
    podman("stop", "box")
    assert podman("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "box").line == "exited 5"
    assert podman("logs", "box").out == "ready\nasked\n"
    podman("start", "box")
    assert podman.status("box") == "running"
    podman("restart", *_NO_ORDERLY_END, "box")
    assert podman.status("box") == "running"


def test_a_signal_arrives_and_kill_ends(podman: Podman) -> None:
    podman.run(
        "--detach",
        "--name",
        "box",
        IMAGE,
        "sh",
        "-c",
        "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.05; done",
    )
    wait_until(lambda: "ready" in podman("logs", "box").out, "the program's first line")
    podman("kill", "--signal", "USR1", "box")
    wait_until(lambda: "usr1" in podman("logs", "box").out, "the trap's line")
    podman("kill", "box")
    assert podman("wait", "box").line == "137"


def test_attach_is_a_second_pair_of_hands(podman: Podman) -> None:
    podman.run("--detach", "--interactive", "--name", "box", IMAGE, "sh", "-c", "read word; echo got $word")
    assert podman("attach", "box", stdin="this\n").out.split() == ["got", "this"]
    assert podman("wait", "box").line == "0"


def test_top_and_stats_show_the_containers_processes(podman: Podman) -> None:
    podman.run("--detach", "--name", "box", *_SLEEP)
    assert "sleep 1000" in podman("top", "box").out
    assert podman("top", "box", "pid", "comm").out.split() == ["PID", "COMMAND", "1", "sleep"]
    assert podman("stats", "--no-stream", "--format", "{{.Name}} {{.PIDS}}", "box").line == "box 1"


def test_the_runtime_is_the_one_that_was_asked_for(podman: Podman, program: Path) -> None:
    podman.run("--detach", "--name", "box", *_SLEEP)
    assert podman("inspect", "-f", "{{.OCIRuntime}}", "box").line == "under-test"
    assert podman("info", "-f", "{{.Host.OCIRuntime.Path}}").line == str(program)


def _limit(podman: Podman, file: str) -> str:
    return podman("exec", "box", "cat", f"/sys/fs/cgroup/{file}").line


def test_limits_and_their_update(podman: Podman) -> None:
    limits = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0", "--cpu-shares", "100"]
    podman.run("--detach", "--name", "box", *limits, *_SLEEP)
    v1 = podman.answer("exec", "box", "test", "-d", "/sys/fs/cgroup/memory").code == 0
    memory = "memory/memory.limit_in_bytes" if v1 else "memory.max"
    cpu = "cpu/cpu.cfs_quota_us" if v1 else "cpu.max"
    assert _limit(podman, memory) == str(64 << 20)
    assert _limit(podman, cpu).split()[0] == "50000"
    assert _limit(podman, "pids/pids.max" if v1 else "pids.max") == "50"
    assert _limit(podman, "cpuset/cpuset.cpus" if v1 else "cpuset.cpus") == "0"
    podman("update", "--memory", "128m", "--cpus", "0.25", "box")
    assert _limit(podman, memory) == str(128 << 20)
    assert _limit(podman, cpu).split()[0] == "25000"


def _process_status(podman: Podman, *options: str) -> dict[str, str]:
    text = podman.run("--rm", *options, IMAGE, "cat", "/proc/self/status").out
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def test_privileges_are_those_that_podman_gives(podman: Podman) -> None:
    usual = _process_status(podman)
    assert usual["Seccomp"] == "2"
    assert usual["NoNewPrivs"] == "0"
    assert 0 < int(usual["CapEff"], 16) < 1 << 32
    assert _process_status(podman, "--privileged")["Seccomp"] == "0"
    strict = _process_status(podman, "--cap-drop", "all", "--security-opt", "no-new-privileges", "--user", "1000")
    assert (strict["CapBnd"], strict["NoNewPrivs"], strict["Uid"].split()[0]) == ("0" * 16, "1", "1000")
    raised = _process_status(podman, "--cap-drop", "all", "--cap-add", "net_admin")
    assert raised["CapEff"] == f"{1 << 12:016x}"


def test_a_privileged_container_has_the_hosts_devices_and_a_writable_cgroup(podman: Podman) -> None:
    script = (
        "test -c /dev/kmsg && mkdir /sys/fs/cgroup/*/$(hostname) 2>/dev/null; rmdir /sys/fs/cgroup/*/$(hostname); mount"
    )
    mounts = podman.run("--rm", "--privileged", IMAGE, "sh", "-c", script).out
    cgroups = [line for line in mounts.splitlines() if " type cgroup" in line]
    assert cgroups != []
    assert all("rw," in line for line in cgroups)


def test_user_namespaces_map_the_root_user(podman: Podman) -> None:
    maps = ["--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000"]
    answer = podman.run(
        "--rm", *maps, IMAGE, "sh", "-c", "id -u; cat /proc/self/uid_map; touch /root/made && echo made"
    )
    assert answer.out.split() == ["0", "0", "100000", "5000", "made"]


def test_the_file_systems_are_what_podman_asks_for(podman: Podman, directory: Path) -> None:
    shared = directory / "shared"
    shared.mkdir()
    (shared / "file").write_text("of the host\n")
    options = [
        "--read-only",
        "--tmpfs",
        "/work:size=1m",
        "--volume",
        f"{shared}:/shared",
        "--volume",
        f"{shared}:/fixed:ro",
    ]
    script = (
        "cat /fixed/file; echo new > /shared/new; touch /work/made && echo work; "
        "touch /fixed/no 2>/dev/null || echo fixed; touch /no 2>/dev/null || echo root; df -k /work | tail -1"
    )
    lines = podman.run("--rm", *options, IMAGE, "sh", "-c", script).out.splitlines()
    assert lines[:4] == ["of the host", "work", "fixed", "root"]
    assert lines[4].split()[1] == "1024"
    assert (shared / "new").read_text() == "new\n"


@pytest.mark.parametrize("option", ["tmpcopyup", "notmpcopyup"])
def test_a_tmpfs_takes_the_mode_of_the_directory_that_it_covers(podman: Podman, option: str) -> None:
    answer = podman.run("--rm", "--tmpfs", f"/home/user:{option}", IMAGE, "stat", "-c", "%a", "/home/user")
    assert answer.line == "755"


def test_names_sysctls_devices_and_scores(podman: Podman) -> None:
    options = ["--hostname", "box", "--sysctl", "kernel.shm_rmid_forced=1", "--device", "/dev/zero:/dev/nought"]
    options += ["--oom-score-adj", "500", "--umask", "077", "--shm-size", "1m", "--group-add", "77"]
    script = (
        "hostname; cat /proc/sys/kernel/shm_rmid_forced; head -c 2 /dev/nought | wc -c; cat /proc/self/oom_score_adj; "
        "umask; df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; id -G"
    )
    answer = podman.run("--rm", *options, IMAGE, "sh", "-c", script)
    assert answer.out.splitlines() == ["box", "1", "2", "500", "0077", "1024", "0 77"]


def test_init_reaps_for_the_program(podman: Podman) -> None:
    answer = podman.run("--rm", "--init", IMAGE, "sh", "-c", "cat /proc/1/comm; exit 4", code=4)
    assert answer.line in ("catatonit", "podman-init")


def test_the_containers_of_a_pod_share_what_the_pod_has(podman: Podman) -> None:
    infra = ["--infra-image", IMAGE, "--infra-command", "/bin/sleep 1000"]
    podman("pod", "create", "--name", "pod", *podman.placement, *infra)
    for name in ("one", "two"):
        podman("run", "--detach", "--pod", "pod", "--name", name, IMAGE, "sleep", "1000")
    namespaces = [
        podman("exec", name, "readlink", f"/proc/self/ns/{kind}").line
        for kind in ("net", "ipc")
        for name in ("one", "two")
    ]
    assert namespaces[0] == namespaces[1]
    assert namespaces[2] == namespaces[3]
    mounts = [podman("exec", name, "readlink", "/proc/self/ns/mnt").line for name in ("one", "two")]
    assert mounts[0] != mounts[1]
    # For more than one caller: the answer of the first one may come after it has been waited for.
    podman("exec", "--detach", "one", "sh", "-c", "while :; do nc -l -p 7000 -e echo from one; done")

    def is_answered() -> bool:
        return podman.answer("exec", "two", "nc", "127.0.0.1", "7000").out == "from one\n"

    wait_until(is_answered, "an answer over the pod's loopback")
    podman("pod", "stop", *_NO_ORDERLY_END, "pod")
    assert podman.status("one") == "exited"
    podman("pod", "start", "pod")
    assert podman.status("two") == "running"
    podman("pod", "rm", "--force", *_NO_ORDERLY_END, "pod")


def test_a_failure_of_the_runtime_reaches_the_user(podman: Podman) -> None:
    answer = podman.answer("run", *podman.placement, "--rm", "--sysctl", "kernel.shm_rmid_forced=x", *_SLEEP)
    assert answer.code == 126
    assert "shm_rmid_forced" in answer.err
    assert podman("ps", "--all", "--quiet").out == ""
