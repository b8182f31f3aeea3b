"""Limits as cgroup files, device rules, and the ways into a cgroup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.plan.builder import Plan
from orlop.plan.cgroups import (
    cpu_weight,
    create_cgroup,
    device_rule_text,
    effective_device_rules,
    join_cgroup,
    join_existing_cgroup,
    limit_writes,
    remove_cgroup,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.cgroups import CgroupPlacement

_RESOURCES: dict[str, Any] = {
    "memory": {"limit": 100, "swap": 300, "reservation": 50, "swappiness": 0, "disableOOMKiller": True},
    "cpu": {"shares": 1024, "quota": 5, "period": 7, "burst": 3, "cpus": "0", "mems": "0", "idle": 1},
    "pids": {"limit": 9},
}


def _files(resources: dict[str, Any], *, is_v2: bool) -> list[tuple[str, str]]:
    return [(write.file, write.value) for write in limit_writes(resources, is_v2=is_v2)]


def test_limits_on_v1() -> None:
    assert _files(_RESOURCES, is_v2=False) == [
        ("memory.limit_in_bytes", "100"),
        ("memory.memsw.limit_in_bytes", "300"),
        ("memory.soft_limit_in_bytes", "50"),
        ("memory.swappiness", "0"),
        ("memory.oom_control", "1"),
        ("cpu.shares", "1024"),
        ("cpu.cfs_period_us", "7"),
        ("cpu.cfs_quota_us", "5"),
        ("cpu.cfs_burst_us", "3"),
        ("cpu.idle", "1"),
        ("cpuset.cpus", "0"),
        ("cpuset.mems", "0"),
        ("pids.max", "9"),
    ]


def test_limits_on_v2() -> None:
    assert _files(_RESOURCES, is_v2=True) == [
        ("memory.max", "100"),
        ("memory.swap.max", "200"),
        ("memory.low", "50"),
        ("cpu.idle", "1"),
        ("cpu.weight", "100"),
        ("cpu.max", "5 7"),
        ("cpu.max.burst", "3"),
        ("cpuset.cpus", "0"),
        ("cpuset.mems", "0"),
        ("pids.max", "9"),
    ]


@pytest.mark.parametrize(
    ("resources", "is_v2", "wanted"),
    [
        ({"pids": {"limit": -1}}, False, [("pids.max", "max")]),
        ({"pids": {"limit": 0}}, False, []),
        ({"memory": {"limit": -1, "swap": -1}}, True, [("memory.max", "max"), ("memory.swap.max", "max")]),
        ({"cpu": {"quota": -1, "period": 10}}, True, [("cpu.max", "max 10")]),
        ({"cpu": {"quota": 10}}, True, [("cpu.max", "10 100000")]),
        ({"unified": {"io.max": "a\nb"}}, True, [("io.max", "a"), ("io.max", "b")]),
        ({}, True, []),
    ],
)  # fmt: skip
def test_single_limits(resources: dict[str, Any], *, is_v2: bool, wanted: list[tuple[str, str]]) -> None:
    assert _files(resources, is_v2=is_v2) == wanted


@pytest.mark.parametrize(
    ("resources", "is_v2", "message"),
    [
        ({"unified": {"memory.high": "1"}}, False, r'linux\.resources\.unified\["memory\.high"\]'),
        ({"memory": {"swap": 5}}, True, r"linux\.resources\.memory\.swap: on cgroup v2"),
        ({"cpu": {"realtimePeriod": 5}}, True, r"linux\.resources\.cpu\.realtimePeriod"),
    ],
)
def test_what_a_layout_cannot_do_is_refused_by_its_field(
    resources: dict[str, Any], *, is_v2: bool, message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        limit_writes(resources, is_v2=is_v2)


@pytest.mark.parametrize(("shares", "weight"), [(0, 1), (2, 1), (1024, 100), (262144, 10000), (1 << 30, 10000)])
def test_cpu_weight_fixed_points(shares: int, weight: int) -> None:
    assert cpu_weight(shares) == weight


def test_cpu_weight_never_falls() -> None:
    weights = [cpu_weight(shares) for shares in range(2, 262145, 997)]
    assert weights == sorted(weights)


def test_devices_begin_with_a_refusal_of_all_and_end_with_the_defaults() -> None:
    rules = effective_device_rules([{"allow": True, "type": "c", "major": 10, "minor": 1, "access": "r"}])
    assert device_rule_text(rules[0]) == "a"
    assert rules[0]["allow"] is False
    assert device_rule_text(rules[1]) == "c 10:1 r"
    assert "c 1:3 rwm" in [device_rule_text(rule) for rule in rules]


def test_the_last_rule_for_all_devices_wins() -> None:
    everything = {"allow": True, "access": "rwm"}
    nothing = {"allow": False, "access": "rwm"}
    assert effective_device_rules([nothing, everything]) == [{"allow": True, "type": "a", "access": "rwm"}]
    assert effective_device_rules([everything, nothing])[0]["allow"] is False


def test_v1_directories_come_after_the_clone_and_unified_ones_before(
    placement: Callable[[str], CgroupPlacement],
) -> None:
    plan = Plan("x")
    slot = create_cgroup(plan, placement("hybrid"), {})
    made_before = [step.s0 for step in plan.outer.steps if step.operation == "mkdir"]
    made_after = [step.s0 for step in plan.until_cgroup.steps if step.operation == "mkdir"]
    assert made_before == ["/sys/fs/cgroup/unified/web"]
    assert "/sys/fs/cgroup/memory/web" in made_after
    assert [step.s0 for step in plan.outer.steps if step.fd == slot] == ["/sys/fs/cgroup/unified/web"]


def test_a_new_cpuset_is_given_what_its_parent_has(placement: Callable[[str], CgroupPlacement]) -> None:
    plan = Plan("x")
    create_cgroup(plan, placement("v1"), {})
    writes = {step.s0: step.blob for step in plan.until_cgroup.steps if step.operation == "write"}
    assert writes["/sys/fs/cgroup/cpuset/web/cpuset.cpus"] == b"0-1"
    assert writes["/sys/fs/cgroup/cpuset/web/cpuset.mems"] == b"0"


def test_on_v2_devices_are_a_filter(placement: Callable[[str], CgroupPlacement]) -> None:
    plan = Plan("x")
    create_cgroup(plan, placement("v2"), {"devices": [{"allow": False, "access": "rwm"}]})
    assert "device_filter" in [step.operation for step in plan.outer.steps]
    plan = Plan("x")
    create_cgroup(plan, placement("v2"), {"devices": [{"allow": True, "access": "rwm"}]})
    assert "device_filter" not in [step.operation for step in plan.outer.steps]


def test_a_limit_without_its_controller_is_refused(placement: Callable[[str], CgroupPlacement]) -> None:
    layout = placement("v1")
    layout.directories = [one for one in layout.directories if one.hierarchy != "pids"]
    with pytest.raises(
        InvalidArgument, match=r"linux\.resources\.pids\.limit: this host has no pids cgroup controller"
    ):
        create_cgroup(Plan("x"), layout, {"pids": {"limit": 1}})


def test_the_child_moves_itself_and_no_pid_is_written_for_it(placement: Callable[[str], CgroupPlacement]) -> None:
    plan = Plan("x")
    join_cgroup(plan, placement("hybrid"))
    assert plan.inner.steps[0].operation == "await"
    assert {step.blob for step in plan.inner.steps if step.operation == "write_slot"} == {b"0"}
    opened = [step.s0 or "" for step in plan.inner.steps if step.operation == "open"]
    assert all(path.endswith("/tasks") for path in opened)
    assert not any("unified" in path for path in opened)


def test_exec_joins_the_freezer_last() -> None:
    plan = Plan("x")
    slot = join_existing_cgroup(plan, {"freezer": "/f", "pids": "/p", "": "/u"})
    opened = [step.s0 for step in plan.outer.steps]
    assert opened == ["/p/tasks", "/f/tasks", "/u"]
    assert plan.outer.steps[-1].fd == slot
    assert join_existing_cgroup(Plan("x"), {"pids": "/p"}) == -1


def test_removal_kills_only_when_asked() -> None:
    plan = Plan("x")
    remove_cgroup(plan, ["/a", "/b"], kill_processes=False)
    assert [step.operation for step in plan.cleanup.steps] == ["rmdir", "rmdir"]
    plan = Plan("x")
    remove_cgroup(plan, ["/a"], kill_processes=True)
    assert [step.operation for step in plan.cleanup.steps] == ["kill_cgroup", "rmdir"]
