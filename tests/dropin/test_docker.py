"""Docker with the daemon.json of docs/switching.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.waiting import wait_until

from .docker import IMAGE, Docker
from .manual import installed_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_peer("dockerd"), pytest.mark.needs_peer("docker")]


@pytest.fixture
def docker(program: Path, directory: Path, token: str, layer: Path) -> Iterator[Docker]:
    """A daemon with one image. Afterwards its containers are removed, and none may stay."""
    docker = Docker(directory, token, installed_file("{\n", program))
    docker.start()
    docker("import", layer, IMAGE)
    yield docker
    for container in docker("ps", "--all", "--quiet").out.split():
        docker("rm", "--force", container)
    assert docker("ps", "--all", "--quiet").out == ""
    docker.stop()


def test_the_file_makes_orun_the_runtime(docker: Docker) -> None:
    assert docker("info", "--format", "{{.DefaultRuntime}}").line == "orun"
    docker.run("--name", "box", IMAGE, "true")
    assert docker("inspect", "--format", "{{.HostConfig.Runtime}}", "box").line == "orun"


def test_run_has_the_programs_streams_and_exit_code(docker: Docker) -> None:
    answer = docker.run(
        "--rm", "--interactive", IMAGE, "sh", "-c", "cat; echo err >&2; exit 3", stdin="words\n", code=3
    )
    assert (answer.out, answer.err) == ("words\n", "err\n")
    assert docker.run("--rm", "--tty", IMAGE, "sh", "-c", "test -t 0 && test -t 2 && echo tty").line == "tty"
    docker.run("--rm", IMAGE, "no-such-program", code=127)
    docker.run("--rm", IMAGE, "/no/such/program", code=127)
    docker.run("--rm", IMAGE, "/etc/passwd", code=126)


def test_a_containers_life(docker: Docker) -> None:
    docker.run(
        "--detach", "--name", "box", IMAGE, "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    )
    wait_until(lambda: docker("logs", "box").out == "ready\n", "the trap")
    assert docker("exec", "box", "sh", "-c", "echo in; exit 7", code=7).out == "in\n"
    assert "executable file not found in $PATH" in docker("exec", "box", "no-such-program", code=126).out
    assert "sleep 0.05" in docker("top", "box").out or "trap" in docker("top", "box").out
    assert docker("stats", "--no-stream", "--format", "{{.Name}}", "box").line == "box"
    docker("pause", "box")
    assert docker("inspect", "--format", "{{.State.Status}}", "box").line == "paused"
    docker("unpause", "box")
    docker("update", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "box")
    limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    assert docker("exec", "box", "sh", "-c", limit).line == str(64 << 20)
    docker("stop", "box")
    assert docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "box").line == "exited 5"
    docker("start", "box")
    docker("kill", "box")
    assert docker("wait", "box").line == "137"


def test_what_docker_asks_for_reaches_the_container(docker: Docker, directory: Path) -> None:
    options = ["--read-only", "--tmpfs", "/work", "--volume", f"{directory}:/shared:ro", "--hostname", "box"]
    options += ["--memory", "64m", "--pids-limit", "20", "--cpus", "0.5", "--cpuset-cpus", "0", "--shm-size", "1m"]
    options += ["--user", "1000", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--init"]
    script = (
        "hostname; id -u; test -e /shared/daemon.json && echo shared; touch /work/made && echo work; "
        "touch /no 2>/dev/null || echo root; sed -n 's/^\\(CapEff\\|NoNewPrivs\\|Seccomp\\):.//p' /proc/self/status"
    )
    lines = docker.run("--rm", *options, IMAGE, "sh", "-c", script).out.splitlines()
    assert lines == ["box", "1000", "shared", "work", "root", "0" * 16, "1", "2"]


def test_a_restart_policy_starts_the_container_again(docker: Docker) -> None:
    docker.run("--detach", "--name", "box", "--restart", "on-failure:2", IMAGE, "false")

    def has_given_up() -> bool:
        return docker("inspect", "--format", "{{.RestartCount}} {{.State.Status}}", "box").line == "2 exited"

    wait_until(has_given_up, "two more tries")
