"""A host with the unified hierarchy alone, seen in a mount namespace of the test's own: without controllers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .config import add_namespace, set_capabilities
from .marks import orun_only
from .mount_namespace import CGROUP2_ONLY
from .proc_status import parse_mountinfo
from .waiting import wait_until

if TYPE_CHECKING:
    from .container import Container
    from .mount_namespace import MountNamespace


@pytest.fixture
def host(container: Container) -> MountNamespace:
    """The view that the runtime has of the host."""
    return container.runtime.enter_mount_namespace(CGROUP2_ONLY)


def _cgroup(container: Container) -> str:
    """The directory of the container's cgroup, in that view."""
    lines = Path(f"/proc/{container.pid}/cgroup").read_text().splitlines()
    return f"/sys/fs/cgroup{next(line for line in lines if line.startswith('0::'))[3:]}"


def test_init_is_in_a_cgroup_of_its_own(container: Container, host: MountNamespace) -> None:
    container.run_detached()
    assert container.id in _cgroup(container)
    assert host.shell(f"cat {_cgroup(container)}/cgroup.procs").split() == [str(container.pid)]


@pytest.mark.usefixtures("host")
def test_an_absolute_cgroups_path(container: Container) -> None:
    container.config["linux"]["cgroupsPath"] = f"/{container.id}-absolute"
    container.run_detached()
    assert _cgroup(container) == f"/sys/fs/cgroup/{container.id}-absolute"


def test_delete_removes_the_cgroup(container: Container, host: MountNamespace) -> None:
    container.run_detached()
    path = _cgroup(container)
    container.delete("--force").check()
    assert host.shell(f"test -e {path} || echo gone") == "gone\n"


def test_delete_removes_cgroups_below(container: Container, host: MountNamespace) -> None:
    container.run_detached()
    path = _cgroup(container)
    host.shell(f"mkdir -p {path}/below/deeper")
    container.delete("--force").check()
    assert host.shell(f"test -e {path} || echo gone") == "gone\n"


def test_pause_freezes_the_cgroup(container: Container, host: MountNamespace) -> None:
    started = container.run_detached("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done")
    wait_until(lambda: bool(started.out_path.read_text()), "the first number")
    container.runtime.call("pause", container.id).check()
    assert container.status == "paused"
    assert "frozen 1" in host.shell(f"cat {_cgroup(container)}/cgroup.events")
    container.runtime.call("resume", container.id).check()
    assert container.status == "running"
    assert "frozen 0" in host.shell(f"cat {_cgroup(container)}/cgroup.events")


@pytest.mark.usefixtures("host")
def test_delete_force_ends_a_paused_container(container: Container) -> None:
    container.run_detached()
    container.runtime.call("pause", container.id).check()
    container.delete("--force").check()
    assert not container.exists()


@pytest.mark.usefixtures("host")
def test_exec_joins_the_cgroup(container: Container) -> None:
    container.run_detached()
    out = container.exec("cat", "/proc/self/cgroup").check().out
    assert container.id in next(line for line in out.splitlines() if line.startswith("0::"))


def test_kill_all_reaches_every_process(container: Container, host: MountNamespace) -> None:
    container.run_detached("sh", "-c", "sleep 10000 & exec sleep 10000")
    wait_until(lambda: len(container.processes()) == 2, "two processes")
    path = _cgroup(container)
    container.kill("KILL", flags=("--all",)).check()
    wait_until(lambda: "populated 0" in host.shell(f"cat {path}/cgroup.events"), "the end of both processes")


@pytest.mark.usefixtures("host")
def test_the_default_devices_can_be_used(container: Container) -> None:
    container.run_sh("echo x > /dev/null && head -c 4 /dev/zero | wc -c && : < /dev/urandom").check()


@pytest.mark.usefixtures("host")
def test_a_node_can_be_made_but_not_used(container: Container) -> None:
    set_capabilities(container.config, "CAP_MKNOD")
    outcome = container.run_sh("mknod /dev/mem-too c 1 1 && head -c 1 /dev/mem-too")
    assert outcome.code != 0
    assert "not permitted" in outcome.err


@pytest.mark.usefixtures("host")
def test_an_allowed_device_can_be_used(container: Container) -> None:
    set_capabilities(container.config, "CAP_MKNOD")
    container.config["linux"]["resources"]["devices"].append(
        {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "rm"}
    )
    script = "mknod /dev/tun-too c 10 200 && : < /dev/tun-too && echo readable; echo x > /dev/tun-too"
    outcome = container.run_sh(script)
    assert outcome.out == "readable\n"
    assert outcome.code != 0


@pytest.mark.usefixtures("host")
def test_exec_is_under_the_device_rules_too(container: Container) -> None:
    set_capabilities(container.config, "CAP_MKNOD")
    container.run_detached()
    outcome = container.exec_sh("mknod /dev/mem-too c 1 1 && head -c 1 /dev/mem-too")
    assert outcome.code != 0
    assert "not permitted" in outcome.err


@pytest.mark.usefixtures("host")
def test_the_cgroup_mount_is_a_read_only_cgroup2(container: Container) -> None:
    add_namespace(container.config, "cgroup")
    mounts = parse_mountinfo(container.run("cat", "/proc/self/mountinfo").check().out)
    assert mounts["/sys/fs/cgroup"].kind == "cgroup2"
    assert "ro" in mounts["/sys/fs/cgroup"].options


@pytest.mark.usefixtures("host")
def test_the_cgroup_mount_in_a_namespace_shows_the_own_subtree_alone(container: Container) -> None:
    add_namespace(container.config, "cgroup")
    container.run_detached()
    assert container.exec("cat", "/sys/fs/cgroup/cgroup.procs").check().out.split()[0] == "1"


def test_unified_writes_a_file(container: Container, host: MountNamespace) -> None:
    container.config["linux"]["resources"]["unified"] = {"cgroup.max.descendants": "7"}
    container.run_detached()
    assert host.shell(f"cat {_cgroup(container)}/cgroup.max.descendants") == "7\n"


@pytest.mark.usefixtures("host")
def test_a_unified_file_that_does_not_exist_is_refused(container: Container) -> None:
    container.config["linux"]["resources"]["unified"] = {"cgroup.no-such-file": "7"}
    outcome = container.run("true")
    assert outcome.code == 1
    assert "cgroup.no-such-file" in outcome.err
    assert not container.exists()


@pytest.mark.usefixtures("host")
def test_events_and_ps_work(container: Container) -> None:
    container.run_detached()
    assert container.processes() == [container.pid]


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(("key", "value"), [("swappiness", 10), ("disableOOMKiller", True)])
@orun_only("runc ignores them on cgroup v2")
def test_a_memory_setting_of_cgroup_v1_is_refused(container: Container, key: str, value: object) -> None:
    container.config["linux"]["resources"]["memory"] = {key: value}
    outcome = container.run("true")
    assert outcome.code == 1
    assert f"config.json: linux.resources.memory.{key}: cgroup v2 has no such setting; drop it" in outcome.err
    assert not container.exists()
