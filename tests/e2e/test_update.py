"""`update`: new limits for a container that runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .cgroup_files import cgroup_of, read_cgroup
from .marks import orun_only
from .mount_namespace import MountNamespace

if TYPE_CHECKING:
    from .container import Container


@pytest.fixture
def running(container: Container) -> Container:
    """A container with limits, that sleeps."""
    container.config["linux"]["resources"] |= {
        "memory": {"limit": 64 << 20},
        "pids": {"limit": 50},
        "cpu": {"shares": 512, "quota": 50000, "period": 100000},
    }
    container.run_detached()
    return container


def _update(container: Container, *flags: str, **options: Any) -> None:
    container.runtime.call("update", *flags, container.id, **options).check()


def test_memory_is_set(running: Container) -> None:
    _update(running, "--memory", str(32 << 20))
    assert read_cgroup(running.pid, "memory", "memory.limit_in_bytes") == str(32 << 20)


def test_memory_may_have_a_unit(running: Container) -> None:
    _update(running, "--memory", "48M")
    assert read_cgroup(running.pid, "memory", "memory.limit_in_bytes") == str(48 << 20)


def test_memory_without_a_limit_is_without_one_of_swap(running: Container) -> None:
    none = read_cgroup(running.pid, "memory", "memory.memsw.limit_in_bytes")
    _update(running, "--memory", "60000000", "--memory-swap", "120000000")
    _update(running, "--memory", "-1")
    assert read_cgroup(running.pid, "memory", "memory.limit_in_bytes") == none
    assert read_cgroup(running.pid, "memory", "memory.memsw.limit_in_bytes") == none


def test_memory_reservation_is_set(running: Container) -> None:
    _update(running, "--memory-reservation", str(16 << 20))
    assert read_cgroup(running.pid, "memory", "memory.soft_limit_in_bytes") == str(16 << 20)


def test_pids_limit_is_set(running: Container) -> None:
    _update(running, "--pids-limit", "21")
    assert read_cgroup(running.pid, "pids", "pids.max") == "21"


def test_pids_limit_of_minus_1_is_none(running: Container) -> None:
    _update(running, "--pids-limit", "-1")
    assert read_cgroup(running.pid, "pids", "pids.max") == "max"


def test_cpu_is_set(running: Container) -> None:
    _update(running, "--cpu-period", "50000", "--cpu-quota", "20000", "--cpu-share", "256")
    assert read_cgroup(running.pid, "cpu", "cpu.cfs_period_us") == "50000"
    assert read_cgroup(running.pid, "cpu", "cpu.cfs_quota_us") == "20000"
    assert read_cgroup(running.pid, "cpu", "cpu.shares") == "256"


def test_cpuset_is_set(running: Container) -> None:
    _update(running, "--cpuset-cpus", "0")
    assert read_cgroup(running.pid, "cpuset", "cpuset.cpus") == "0"


def test_what_is_not_given_stays(running: Container) -> None:
    _update(running, "--pids-limit", "21")
    assert read_cgroup(running.pid, "memory", "memory.limit_in_bytes") == str(64 << 20)
    assert read_cgroup(running.pid, "cpu", "cpu.cfs_quota_us") == "50000"
    assert read_cgroup(running.pid, "cpu", "cpu.shares") == "512"


def test_resources_are_read_from_stdin(running: Container) -> None:
    resources = {"memory": {"limit": 40 << 20}, "pids": {"limit": 12}, "cpu": {"shares": 300}}
    _update(running, "-r", "-", input=json.dumps(resources))
    assert read_cgroup(running.pid, "memory", "memory.limit_in_bytes") == str(40 << 20)
    assert read_cgroup(running.pid, "pids", "pids.max") == "12"
    assert read_cgroup(running.pid, "cpu", "cpu.shares") == "300"


def test_resources_are_read_from_a_file(running: Container) -> None:
    path = running.runtime.directory / "resources.json"
    path.write_text(json.dumps({"pids": {"limit": 13}}))
    _update(running, "--resources", str(path))
    assert read_cgroup(running.pid, "pids", "pids.max") == "13"


def test_resources_that_are_no_json_are_refused(running: Container) -> None:
    assert running.runtime.call("update", "-r", "-", running.id, input="{").code == 1


def test_a_value_that_is_no_size_is_refused(running: Container) -> None:
    assert running.runtime.call("update", "--memory", "many", running.id).code == 1
    assert read_cgroup(running.pid, "memory", "memory.limit_in_bytes") == str(64 << 20)


def test_update_of_a_created_container_works(container: Container) -> None:
    container.create().check()
    _update(container, "--pids-limit", "21")
    assert read_cgroup(container.pid, "pids", "pids.max") == "21"


@orun_only("runc has cpu.idle since 1.1.9")
def test_shares_of_a_container_that_stops_being_idle(container: Container) -> None:
    container.config["linux"]["resources"]["cpu"] = {"idle": 1}
    container.run_detached()
    assert read_cgroup(container.pid, "cpu", "cpu.idle") == "1"
    _update(container, "--cpu-idle", "0", "--cpu-share", "700")
    assert read_cgroup(container.pid, "cpu", "cpu.idle") == "0"
    assert read_cgroup(container.pid, "cpu", "cpu.shares") == "700"


@orun_only("runc has cpu.idle since 1.1.9")
def test_shares_of_a_container_that_is_idle_are_refused_with_the_way_out(container: Container) -> None:
    container.config["linux"]["resources"]["cpu"] = {"idle": 1}
    container.run_detached()
    outcome = container.runtime.call("update", "--cpu-share", "700", container.id).refused()
    assert "the cgroup is idle: set --cpu-idle to 0 with it" in outcome.err


@orun_only("runc tells no flag")
def test_a_value_that_the_kernel_refuses_is_named_by_its_flag(running: Container) -> None:
    outcome = running.runtime.call("update", "--cpu-quota", "1", running.id)
    assert outcome.code == 1
    assert f'cannot update container "{running.id}": --cpu-quota: write ' in outcome.err
    stdin = running.runtime.call("update", "-r", "-", running.id, input='{"cpu": {"quota": 1}}')
    assert f'cannot update container "{running.id}": standard input: cpu.quota: write ' in stdin.err


@orun_only("runc gives the kernel's ENOENT")
def test_swap_without_swap_accounting_is_told(running: Container) -> None:
    directory = cgroup_of(running.pid, "memory")
    with MountNamespace(f"mount -t tmpfs none {directory}") as namespace:  # as if the kernel had none of the files
        running.runtime.prefix = namespace.prefix
        outcome = running.runtime.call("update", "--memory", "64M", "--memory-swap", "128M", running.id)
        running.runtime.prefix = []
    assert outcome.code == 1
    assert "--memory-swap: this kernel does not account for swap" in outcome.err
    assert "boot it with swapaccount=1" in outcome.err


def test_the_device_filter_stays(running: Container) -> None:
    _update(running, "--pids-limit", "21")
    running.exec_sh("cat /dev/null && head -c1 /dev/zero >/dev/null").check()
    assert "a *:* rwm" not in read_cgroup(running.pid, "devices", "devices.list")
