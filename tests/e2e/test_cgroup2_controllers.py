"""A host with cgroup v2 and all its controllers, as a current Debian has it: limits, statistics, delegation, kills.

A machine without one (cgroup v1, hybrid) boots one: tests/vm runs this file there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .cgroup_files import CGROUP_ROOT, unified_cgroup_of
from .config import add_namespace
from .waiting import wait_until

if TYPE_CHECKING:
    from .container import Container

pytestmark = pytest.mark.needs_cgroup_v2

_MIB = 1 << 20


def _with(container: Container, **resources: Any) -> Container:
    container.config["linux"].setdefault("resources", {}).update(resources)
    return container


def _file(container: Container, name: str) -> str:
    return (unified_cgroup_of(container.pid) / name).read_text().strip()


@pytest.mark.parametrize(
    ("resources", "file", "value"),
    [
        ({"memory": {"limit": 64 * _MIB}}, "memory.max", str(64 * _MIB)),
        ({"memory": {"limit": -1}}, "memory.max", "max"),
        ({"memory": {"limit": 64 * _MIB, "swap": 96 * _MIB}}, "memory.swap.max", str(32 * _MIB)),
        ({"memory": {"limit": 64 * _MIB, "swap": 64 * _MIB}}, "memory.swap.max", "0"),
        ({"memory": {"limit": 64 * _MIB, "swap": -1}}, "memory.swap.max", "max"),
        ({"memory": {"reservation": 32 * _MIB}}, "memory.low", str(32 * _MIB)),
        ({"cpu": {"quota": 30000, "period": 60000}}, "cpu.max", "30000 60000"),
        ({"cpu": {"quota": -1, "period": 60000}}, "cpu.max", "max 60000"),
        ({"cpu": {"idle": 1}}, "cpu.idle", "1"),
        ({"cpu": {"cpus": "0", "mems": "0"}}, "cpuset.cpus", "0"),
        ({"pids": {"limit": 42}}, "pids.max", "42"),
        ({"pids": {"limit": -1}}, "pids.max", "max"),
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * _MIB}]}, "hugetlb.2MB.max", str(4 * _MIB)),
        ({"unified": {"memory.high": str(48 * _MIB)}}, "memory.high", str(48 * _MIB)),
        ({"unified": {"cpu.weight": "321"}}, "cpu.weight", "321"),
    ],
)
def test_a_limit_is_in_its_file(container: Container, resources: dict[str, Any], file: str, value: str) -> None:
    _with(container, **resources).run_detached()
    assert _file(container, file) == value


@pytest.mark.parametrize("shares", [2, 512, 1024, 262144])
def test_shares_become_a_weight_that_grows_with_them(container: Container, shares: int) -> None:
    _with(container, cpu={"shares": shares}).run_detached()
    weight = int(_file(container, "cpu.weight"))
    assert {2: weight == 1, 262144: weight == 10000}.get(shares, 1 < weight <= 100)


def test_the_controllers_of_its_limits_are_enabled_for_a_cgroup_deep_down(container: Container) -> None:
    outer = CGROUP_ROOT / f"{container.id}-outer"
    container.config["linux"]["cgroupsPath"] = f"/{outer.name}/middle/inner"
    _with(container, memory={"limit": 64 * _MIB}, pids={"limit": 42}, cpu={"quota": 50000, "period": 100000})
    container.run_detached()
    assert unified_cgroup_of(container.pid) == outer / "middle/inner"
    assert _file(container, "memory.max") == str(64 * _MIB)
    assert _file(container, "pids.max") == "42"
    assert _file(container, "cpu.max") == "50000 100000"
    container.delete("--force").check()
    (outer / "middle").rmdir()  # the parents stay, as runc leaves them
    outer.rmdir()


def test_a_memory_limit_kills_who_exceeds_it_and_events_tell(container: Container) -> None:
    _with(container, memory={"limit": 16 * _MIB, "swap": 16 * _MIB})
    container.run_detached()
    outcome = container.exec_sh("head -c 64m /dev/zero | tail -c 64m > /dev/null")
    assert outcome.code != 0
    assert "oom_kill 0" not in _file(container, "memory.events")
    assert container.status == "running"


def test_init_beyond_its_memory_limit_is_killed(container: Container) -> None:
    _with(container, memory={"limit": 8 * _MIB, "swap": 8 * _MIB})
    assert container.run_sh("x=$(head -c 64m /dev/zero | tr '\\0' x); echo survived").code != 0


def test_a_pids_limit_refuses_the_next_process(container: Container) -> None:
    _with(container, pids={"limit": 3})
    outcome = container.run_sh("for i in 1 2 3 4 5; do sleep 100 & done; wait")
    assert outcome.code != 0
    assert "fork" in outcome.err


def test_the_container_sees_its_limits_in_its_own_cgroup_namespace(container: Container) -> None:
    add_namespace(container.config, "cgroup")
    _with(container, memory={"limit": 64 * _MIB})
    out = container.run_sh("cat /proc/self/cgroup /sys/fs/cgroup/memory.max").check().out
    assert out.splitlines() == ["0::/", str(64 * _MIB)]


@pytest.mark.parametrize("own_namespace", [False, True])
def test_threat_r_limits_cannot_be_raised_and_no_cgroup_made_from_inside(
    container: Container, own_namespace: bool
) -> None:
    if own_namespace:
        add_namespace(container.config, "cgroup")
    _with(container, pids={"limit": 20}).run_detached()
    outcome = container.exec_sh("echo max > /sys/fs/cgroup/pids.max; mkdir /sys/fs/cgroup/x")
    assert outcome.code != 0
    assert outcome.err.count("Read-only") == 2
    assert _file(container, "pids.max") == "20"


def test_stats_have_what_the_files_have(container: Container) -> None:
    _with(container, memory={"limit": 64 * _MIB}, pids={"limit": 42})
    container.run_detached()
    stats = json.loads(container.runtime.call("events", "--stats", container.id).check().out)["data"]
    assert stats["pids"] == {"current": 1, "limit": 42}
    assert stats["memory"]["usage"]["limit"] == 64 * _MIB
    assert 0 < stats["memory"]["usage"]["usage"] <= 64 * _MIB
    assert stats["cpu"]["usage"]["total"] > 0


@pytest.mark.parametrize(
    ("flags", "file", "value"),
    [
        (("--memory", str(128 * _MIB)), "memory.max", str(128 * _MIB)),
        (("--memory", str(32 * _MIB)), "memory.max", str(32 * _MIB)),
        (("--memory-reservation", str(16 * _MIB)), "memory.low", str(16 * _MIB)),
        (("--memory", str(64 * _MIB), "--memory-swap", str(80 * _MIB)), "memory.swap.max", str(16 * _MIB)),
        (("--cpu-quota", "25000", "--cpu-period", "50000"), "cpu.max", "25000 50000"),
        (("--cpu-share", "2"), "cpu.weight", "1"),
        (("--cpuset-cpus", "0"), "cpuset.cpus", "0"),
        (("--pids-limit", "7"), "pids.max", "7"),
        (("--pids-limit", "-1"), "pids.max", "max"),
    ],
)
def test_update(container: Container, flags: tuple[str, ...], file: str, value: str) -> None:
    _with(container, memory={"limit": 64 * _MIB}, cpu={"shares": 512, "cpus": "0-1"}, pids={"limit": 42})
    container.run_detached()
    container.runtime.call("update", *flags, container.id).check()
    assert _file(container, file) == value


def test_update_of_a_limit_whose_controller_was_not_enabled(container: Container) -> None:
    container.run_detached()
    container.runtime.call("update", "--pids-limit", "7", container.id).check()
    assert _file(container, "pids.max") == "7"


def test_exec_is_under_the_limits(container: Container) -> None:
    add_namespace(container.config, "cgroup")
    _with(container, pids={"limit": 42}).run_detached()
    out = container.exec("cat", "/proc/self/cgroup", "/sys/fs/cgroup/pids.max").check().out
    assert out.splitlines() == ["0::/", "42"]


def test_pause_freezes_and_resume_thaws(container: Container) -> None:
    started = container.run_detached("sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done")
    wait_until(lambda: bool(started.out_path.read_text()), "the first number")
    container.runtime.call("pause", container.id).check()
    assert container.status == "paused"
    assert "frozen 1" in _file(container, "cgroup.events")
    container.runtime.call("resume", container.id).check()
    assert "frozen 0" in _file(container, "cgroup.events")


def test_kill_all_reaches_every_process(container: Container) -> None:
    container.run_detached("sh", "-c", "sleep 10000 & exec sleep 10000")
    wait_until(lambda: len(container.processes()) == 2, "two processes")
    cgroup = unified_cgroup_of(container.pid)
    container.kill("KILL", flags=("--all",)).check()
    wait_until(lambda: "populated 0" in (cgroup / "cgroup.events").read_text(), "the end of both processes")


def test_devices_that_no_rule_allows_cannot_be_opened(container: Container) -> None:
    outcome = container.run_sh("echo x > /dev/null && head -c 1 /dev/kmsg")
    assert outcome.code != 0


def test_what_may_not_be_limited_is_refused_and_nothing_is_left(container: Container) -> None:
    _with(container, memory={"swappiness": 10})
    outcome = container.create().refused()
    assert "memory.swappiness" in outcome.err
    assert not container.exists()


def test_a_refused_value_names_the_field_and_leaves_nothing(container: Container) -> None:
    _with(container, cpu={"cpus": "900-901"})
    outcome = container.create().refused()
    assert "linux.resources.cpu.cpus" in outcome.err
    assert not container.exists()


def test_hard_resource_limits_can_be_raised_by_root(container: Container) -> None:
    ceiling = int(Path("/proc/sys/fs/nr_open").read_text())
    container.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": ceiling - 1, "hard": ceiling}]
    assert container.run_sh("ulimit -Sn; ulimit -Hn").check().lines == [str(ceiling - 1), str(ceiling)]


def test_the_oom_score_can_be_lowered_by_root(container: Container) -> None:
    container.config["process"]["oomScoreAdj"] = -500
    assert container.run("cat", "/proc/self/oom_score_adj").check().out == "-500\n"
