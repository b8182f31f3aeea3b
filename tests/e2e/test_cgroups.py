"""config.json `linux.cgroupsPath`, `linux.resources` and `linux.sysctl` on a host with v1 controllers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .cgroup_files import CGROUP_ROOT, cgroup_of, read_cgroup
from .leftovers import cgroups_of

if TYPE_CHECKING:
    from .container import Container

CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids")


def test_init_is_in_a_cgroup_of_its_own_in_every_hierarchy(container: Container) -> None:
    container.run_detached()
    own = {controller: cgroup_of(container.pid, controller) for controller in CONTROLLERS}
    assert {path.name for path in own.values()} == {container.id}
    for path in own.values():
        assert (path / "cgroup.procs").read_text().split() == [str(container.pid)]


def test_the_cgroup_is_below_the_callers_own(container: Container) -> None:
    container.run_detached()
    line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line)
    assert cgroup_of(container.pid, "memory").parent == CGROUP_ROOT / "memory" / line.split(":", 2)[2].strip("/")


def test_an_absolute_path_starts_at_the_root_of_the_hierarchy(container: Container) -> None:
    container.config["linux"]["cgroupsPath"] = f"/{container.id}-absolute"
    container.run_detached()
    for controller in CONTROLLERS:
        assert cgroup_of(container.pid, controller) == CGROUP_ROOT / controller / f"{container.id}-absolute"


def test_a_relative_path_starts_at_the_callers_own(container: Container) -> None:
    container.config["linux"]["cgroupsPath"] = f"{container.id}-relative"
    container.run_detached()
    line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line)
    expected = CGROUP_ROOT / "memory" / line.split(":", 2)[2].strip("/") / f"{container.id}-relative"
    assert cgroup_of(container.pid, "memory") == expected


def test_a_cgroup_that_exists_is_used_and_removed(container: Container) -> None:
    path = f"{container.id}-existing"
    (CGROUP_ROOT / "pids" / path).mkdir()
    container.config["linux"]["cgroupsPath"] = f"/{path}"
    container.run_detached()
    assert cgroup_of(container.pid, "pids") == CGROUP_ROOT / "pids" / path
    container.delete("--force").check()
    assert cgroups_of(container.id) == []


def test_cgroups_that_the_container_made_are_removed(container: Container) -> None:
    container.run_detached()
    (cgroup_of(container.pid, "pids") / "below/deeper").mkdir(parents=True)
    container.delete("--force").check()
    assert cgroups_of(container.id) == []


@pytest.mark.parametrize(
    ("resources", "controller", "file", "value"),
    [
        ({"memory": {"limit": 64 << 20}}, "memory", "memory.limit_in_bytes", str(64 << 20)),
        ({"memory": {"reservation": 32 << 20}}, "memory", "memory.soft_limit_in_bytes", str(32 << 20)),
        ({"memory": {"swappiness": 10}}, "memory", "memory.swappiness", "10"),
        ({"cpu": {"shares": 512}}, "cpu", "cpu.shares", "512"),
        ({"cpu": {"quota": 30000, "period": 60000}}, "cpu", "cpu.cfs_quota_us", "30000"),
        ({"cpu": {"quota": 30000, "period": 60000}}, "cpu", "cpu.cfs_period_us", "60000"),
        ({"cpu": {"quota": -1}}, "cpu", "cpu.cfs_quota_us", "-1"),
        ({"cpu": {"cpus": "0", "mems": "0"}}, "cpuset", "cpuset.cpus", "0"),
        ({"pids": {"limit": 42}}, "pids", "pids.max", "42"),
        ({"pids": {"limit": -1}}, "pids", "pids.max", "max"),
    ],
)
def test_a_limit_is_in_its_file(
    container: Container, resources: dict[str, object], controller: str, file: str, value: str
) -> None:
    container.config["linux"]["resources"] |= resources
    container.run_detached()
    assert read_cgroup(container.pid, controller, file) == value


def test_the_pids_limit_is_enforced(container: Container) -> None:
    container.config["linux"]["resources"]["pids"] = {"limit": 3}
    outcome = container.run_sh("for i in 1 2 3 4 5; do sleep 1000 & done; kill -KILL -1")
    assert "fork" in outcome.err


def test_the_memory_limit_is_enforced(container: Container) -> None:
    container.config["linux"]["resources"]["memory"] = {"limit": 16 << 20}
    container.run_detached()
    control = cgroup_of(container.pid, "memory") / "memory.oom_control"  # the kernel may choose to kill init
    container.exec_sh("head -c 64000000 /dev/zero | tail")
    assert "oom_kill 0" not in control.read_text().splitlines()


def test_a_memory_limit_too_low_to_start_is_told(container: Container) -> None:
    container.config["linux"]["resources"]["memory"] = {"limit": 1 << 12}
    outcome = container.run("true")
    assert outcome.code != 0
    assert outcome.err
    assert not container.exists()


def test_no_resources_means_no_limits(container: Container) -> None:
    container.config["linux"]["resources"] = {}
    container.run_detached()
    assert read_cgroup(container.pid, "pids", "pids.max") == "max"
    assert read_cgroup(container.pid, "cpu", "cpu.cfs_quota_us") == "-1"


# -- sysctl -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kernel.shmmax", "1234567"),
        ("kernel.msgmax", "9000"),
        ("net.ipv4.ip_forward", "1"),
        ("fs.mqueue.msg_max", "77"),
    ],
)
def test_a_sysctl_of_the_containers_namespaces_is_set(container: Container, name: str, value: str) -> None:
    path = Path("/proc/sys", name.replace(".", "/"))
    before = path.read_text()
    container.config["linux"]["sysctl"] = {name: value}
    assert container.run("cat", str(path)).check().out.strip() == value
    assert path.read_text() == before


def test_a_sysctl_that_does_not_exist_is_refused(container: Container) -> None:
    container.config["linux"]["sysctl"] = {"net.ipv4.no_such_sysctl": "1"}
    outcome = container.run("true")
    assert outcome.code == 1
    assert "no_such_sysctl" in outcome.err
    assert not container.exists()


def test_a_value_that_the_kernel_refuses_is_told(container: Container) -> None:
    container.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "many"}
    outcome = container.run("true")
    assert outcome.code == 1
    assert not container.exists()
