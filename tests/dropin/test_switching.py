"""docs/switching.md: what it shows and says, done with the engines that it is about."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.waiting import wait_until

from .conftest import podman_in
from .containerd import IMAGE as CONTAINERD_IMAGE
from .containerd import Containerd
from .cri import Cri
from .manual import installed_file, shown_file
from .peers import built_peer
from .podman import IMAGE, Podman, configuration_for
from .tool import Tool

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs_root

_CONTAINERS_CONF = "[engine]\ncgroup_manager"
# What a machine without CAP_SYS_RESOURCE and a test beside other tests need, in the words of each version of the file.
_HERE = {
    3: """
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{image}"
[plugins."io.containerd.nri.v1.nri"]
disable = true
""",
    2: """
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
sandbox_image = "{image}"
""",
}


def _containers_conf(runtime: Path) -> str:
    """The file for podman, with the lock type and limits of our other tests."""
    limits, engine, _ = configuration_for(runtime).partition('[engine]\nlock_type = "file"\n')
    return limits + installed_file(_CONTAINERS_CONF, runtime).replace("[engine]\n", engine, 1)


@pytest.mark.needs_peer("podman")
def test_podmans_file_makes_orun_the_runtime(program: Path, directory: Path, token: str, layer: Path) -> None:
    for podman in podman_in(directory, token, layer, _containers_conf(program)):
        assert podman("info", "--format", "{{.Host.OCIRuntime.Name}}").line == "orun"
        podman.run("--name", "one", IMAGE, "true")
        assert podman("inspect", "--format", "{{.OCIRuntime}}", "one").line == "orun"


@pytest.mark.needs_peer("podman")
def test_podmans_containers_keep_the_runtime_that_they_were_created_with(
    program: Path, directory: Path, token: str, layer: Path
) -> None:
    before = configuration_for(program).replace("under-test", "before")
    for podman in podman_in(directory, token, layer, before):
        podman.run("--detach", "--name", "old", IMAGE, "sleep", "1000")
        after = _containers_conf(program) + f'before = ["{program}"]\n'
        switched = Podman(directory, token, after)
        switched.run("--detach", "--name", "new", IMAGE, "sleep", "1000")
        runtimes = [switched("inspect", "--format", "{{.OCIRuntime}}", name).line for name in ("old", "new")]
        assert runtimes == ["before", "orun"]
        assert switched("exec", "old", "echo", "alive").out == "alive\n"


@pytest.mark.needs_peer("buildah")
def test_buildah_follows_podmans_file(program: Path, directory: Path, token: str, template: Path) -> None:
    configuration = directory / "containers.conf"
    configuration.write_text(_containers_conf(program))
    words: list[str | Path] = [
        "buildah",
        "--root",
        directory / "root",
        "--runroot",
        directory / "run",
        "--storage-driver",
        "vfs",
    ]
    buildah = Tool(words, directory, {"CONTAINERS_CONF": str(configuration), "E2E_TOKEN": token})
    name = buildah("from", "scratch").line
    buildah("copy", name, template, "/")
    step = ["--log-level", "debug", "run", "--isolation", "oci", "--network", "none", name, "/bin/echo", "made"]
    answer = buildah(*step)
    buildah("rm", name)
    assert answer.out == "made\n"
    assert f'Running [\\"{program}\\" \\"create\\"' in answer.err


@pytest.fixture(params=[2, 3])
def cri(request: pytest.FixtureRequest, program: Path, directory: Path, token: str, image: Path) -> Iterator[Cri]:
    """containerd with the file of docs/switching.md: version 2 with Debian's, version 3 with the newest."""
    crictl = built_peer("crictl")
    debians = shutil.which("containerd")
    if debians is None:
        pytest.skip("needs_peer: containerd is not installed")
    version: int = request.param
    programs = built_peer("containerd") if version == 3 else Path(debians).parent
    file = installed_file(f"version = {version}\n", program) + _HERE[version].format(image=CONTAINERD_IMAGE)
    daemon = Containerd(programs, directory, token, file)
    daemon.start()
    daemon.ctr("--namespace", "k8s.io", "image", "import", image)
    cri = Cri(crictl, daemon.socket, directory, token)
    yield cri
    cri("rmp", "--all", "--force")
    daemon.stop()


def test_containerds_file_gives_orun_to_the_kubelets_pods(cri: Cri, program: Path) -> None:
    info = json.loads(cri("info").out)["config"]["containerd"]
    assert info["defaultRuntimeName"] == "orun"
    assert info["runtimes"]["orun"]["options"]["BinaryName"] == str(program)
    pod = cri.run_pod("pod")
    container = cri.create(pod, "pod", "one", "sh", "-c", "echo started; cat; sleep 1000")
    assert cri("exec", "--sync", container, "cat", "/proc/self/oom_score_adj").line == "500"
    with_seccomp = cri("exec", "--sync", container, "grep", "-w", "Seccomp", "/proc/self/status").line
    assert with_seccomp.split() == ["Seccomp:", "2"]
    cri("update", "--memory", str(128 << 20), container)
    limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"
    assert cri("exec", "--sync", container, "sh", "-c", limit).line == str(128 << 20)
    assert "executable file not found" in cri.answer("exec", "--sync", container, "no-such-program").err
    wait_until(lambda: "started" in cri("logs", container).out, "what the program printed, in its log")
    stats = json.loads(cri("stats", "--output", "json", "--id", container).out)["stats"]
    assert int(stats[0]["memory"]["workingSetBytes"]["value"]) > 0
    cri("stop", "--timeout", "0", container)
    cri("rm", container)
    cri("stopp", pod)
    cri("rmp", pod)
    assert json.loads(cri("pods", "--output", "json").out)["items"] == []


def test_crios_file_is_toml_and_names_the_runtime_that_it_makes_the_default() -> None:
    runtime = tomllib.loads(shown_file("[crio.runtime]"))["crio"]["runtime"]
    assert runtime["runtimes"][runtime["default_runtime"]]["runtime_path"] == "/opt/orlop/bin/orun"
