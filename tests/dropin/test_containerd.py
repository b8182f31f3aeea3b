"""containerd with this runtime: Debian's with its shim, and the newest with its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.waiting import wait_until
from orlop.image.runtime_config import runtime_config
from orlop.oci.digest import Digest
from orlop.oci.image_config import ImageConfig

from .containerd import CONFIGURATION, Containerd
from .peers import built_peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .tool import Answer

    Run = Callable[..., Answer]

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_peer("containerd")]


def _debians() -> Path:
    program = shutil.which("containerd")
    assert program is not None
    return Path(program).parent


@pytest.fixture(params=["debian", "built"])
def containerd(request: pytest.FixtureRequest, directory: Path, token: str, image: Path) -> Iterator[Containerd]:
    """A daemon with one image. Afterwards no task, container or process may be left."""
    programs = _debians() if request.param == "debian" else built_peer("containerd")
    daemon = Containerd(programs, directory, token, CONFIGURATION)
    daemon.start()
    daemon.ctr("image", "import", image)
    yield daemon
    daemon.remove_all()
    assert list((directory / "state/io.containerd.runtime.v2.task").glob("*/*")) == []
    daemon.stop()


@pytest.fixture
def run(containerd: Containerd, program: Path) -> Run:
    """`ctr run` with the runtime under test."""

    def with_runtime(container_id: str, *words: str, options: tuple[str, ...] = (), code: int = 0) -> Answer:
        return containerd.run(program, container_id, *words, options=options, code=code)

    return with_runtime


def test_the_configuration_of_an_image_is_what_containerd_starts_from(containerd: Containerd, tmp_path: Path) -> None:
    """`orlop bundle` and `ctr oci spec`, whole; what is otherwise stands in docs/images.md, "Running one"."""
    theirs = json.loads(containerd.ctr("oci", "spec").out)
    document = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(b""))]},
    }
    ours = runtime_config(ImageConfig.parse(json.dumps(document).encode()), tmp_path)
    cgroups = [one for one in ours["mounts"] if one["type"] == "cgroup"]
    assert [one["destination"] for one in cgroups] == ["/sys/fs/cgroup"]
    assert [one for one in ours["mounts"] if one not in cgroups] == theirs["mounts"]
    for name in ("capabilities", "rlimits", "noNewPrivileges"):
        assert ours["process"][name] == theirs["process"][name]
    for name in ("resources", "readonlyPaths"):
        assert ours["linux"][name] == theirs["linux"][name]
    kinds = {one["type"] for one in theirs["linux"]["namespaces"]}
    assert {one["type"] for one in ours["linux"]["namespaces"]} == kinds | {"cgroup"}
    assert set(ours["linux"]["maskedPaths"]) >= set(theirs["linux"]["maskedPaths"])


def test_run_has_the_programs_output_and_exit_code(run: Run) -> None:
    answer = run("one", "sh", "-c", "echo out; echo err >&2; exit 3", options=("--rm",), code=3)
    assert answer.out == "out\n"
    assert "err\n" in answer.err


def test_a_missing_program_is_named_and_leaves_nothing(run: Run, containerd: Containerd) -> None:
    answer = run("one", "no-such-program", options=("--rm",), code=1)
    assert '"no-such-program"' in answer.err
    assert "executable file not found in $PATH" in answer.err
    assert containerd.task_status("one") == ""


def test_a_task_lives_through_everything_that_its_shim_asks_for(run: Run, containerd: Containerd) -> None:
    script = "trap 'exit 5' TERM; touch /tmp/ready; while :; do sleep 0.05; done"
    run("one", "sh", "-c", script, options=("--detach",))
    assert containerd.task_status("one") == "RUNNING"
    look = ("task", "exec", "--exec-id", "look", "one", "test", "-e", "/tmp/ready")
    wait_until(lambda: containerd.answer(*look).code == 0, "the trap")
    containerd.ctr("task", "pause", "one")
    assert containerd.task_status("one") == "PAUSED"
    containerd.ctr("task", "resume", "one")
    assert containerd.task_status("one") == "RUNNING"
    containerd.ctr("task", "kill", "--signal", "SIGTERM", "one")
    wait_until(lambda: containerd.task_status("one") == "STOPPED", "the end of the task")
    assert "exit code 5" in containerd.ctr("task", "delete", "one").err
    containerd.ctr("container", "rm", "one")


def test_exec_runs_beside_init(run: Run, containerd: Containerd) -> None:
    run("one", "sleep", "1000", options=("--detach",))
    exec_ = ("task", "exec", "--exec-id")
    assert containerd.ctr(*exec_, "e1", "one", "sh", "-c", "echo out; exit 7", code=7).out == "out\n"
    assert containerd.ctr(*exec_, "e2", "--user", "1000", "--cwd", "/tmp", "one", "pwd").out == "/tmp\n"
    assert containerd.ctr(*exec_, "e3", "one", "cat", stdin="words\n").out == "words\n"
    missing = containerd.answer(*exec_, "e4", "one", "no-such-program")
    assert missing.code != 0
    assert "executable file not found in $PATH" in missing.err


def test_kill_all_ends_every_process_of_the_container(run: Run, containerd: Containerd) -> None:
    run("one", "sh", "-c", "sleep 1000 & sleep 1000; exit", options=("--detach",))
    wait_until(lambda: len(containerd.ctr("task", "ps", "one").out.splitlines()) == 4, "three processes and a headline")
    containerd.ctr("task", "kill", "--all", "--signal", "SIGKILL", "one")
    wait_until(lambda: containerd.task_status("one") == "STOPPED", "the end of the task")


def test_metrics_are_those_of_the_containers_cgroup(run: Run, containerd: Containerd) -> None:
    run("one", "sleep", "1000", options=("--detach", "--memory-limit", str(64 << 20)))
    metrics = json.loads(containerd.ctr("task", "metrics", "--format", "json", "one").out)
    limit = metrics["memory"]["usage"]["limit"] if "usage" in metrics["memory"] else metrics["memory"]["usage_limit"]
    assert int(limit) == 64 << 20
    assert int(metrics["pids"]["current"]) == 1


def test_ctrs_options_reach_the_container(run: Run, directory: Path) -> None:
    shared = directory / "shared"
    shared.mkdir()
    (shared / "file").write_text("of the host\n")
    mount = f"type=bind,src={shared},dst=/shared,options=rbind:ro"
    options = ("--rm", "--read-only", "--mount", mount, "--env", "A=b", "--seccomp", "--cpus", "0.5")
    script = (
        "cat /shared/file; echo $A; touch /shared/no 2>/dev/null || echo fixed; touch /no 2>/dev/null || echo root; "
        "grep -w Seccomp /proc/self/status"
    )
    lines = run("one", "sh", "-c", script, options=options).out.splitlines()
    assert lines == ["of the host", "b", "fixed", "root", "Seccomp:\t2"]


def test_a_privileged_task_and_one_in_the_hosts_network(run: Run) -> None:
    assert run("one", "test", "-c", "/dev/kmsg", options=("--rm", "--privileged")).out == ""
    network = Path("/proc/self/ns/net").readlink()
    assert run("two", "readlink", "/proc/self/ns/net", options=("--rm", "--net-host")).line == str(network)


def test_user_namespaces_map_the_root_user(run: Run) -> None:
    maps = ("--rm", "--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000")
    answer = run("one", "sh", "-c", "id -u; cat /proc/self/uid_map", options=maps)
    assert answer.out.split() == ["0", "0", "100000", "5000"]


def test_containers_outlive_their_daemon(run: Run, containerd: Containerd) -> None:
    run("one", "sleep", "1000", options=("--detach",))
    containerd.stop()
    containerd.start()
    assert containerd.task_status("one") == "RUNNING"
    assert containerd.ctr("task", "exec", "--exec-id", "e1", "one", "echo", "alive").out == "alive\n"
