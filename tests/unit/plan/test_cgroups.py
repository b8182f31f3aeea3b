"""Limits as cgroup files, device rules, and the ways into a cgroup."""

from __future__ import annotations

from errno import ENOENT
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.plan.builder import Plan
from orlop.plan.cgroups import (
    CgroupDirectory,
    CgroupPlacement,
    cpu_weight,
    create_cgroup,
    join_cgroup,
    join_existing_cgroup,
    limit_writes,
    remove_cgroup,
)
from orlop.plan.operations import BEST_EFFORT, IGNORE_EEXIST, IGNORE_ENOENT

if TYPE_CHECKING:
    from collections.abc import Callable

_RESOURCES: dict[str, Any] = {
    "memory": {"limit": 100, "swap": 300, "reservation": 50},
    "cpu": {"shares": 1024, "quota": 5, "period": 7, "burst": 3, "cpus": "0", "mems": "0", "idle": 1},
    "pids": {"limit": 9},
}


def _files(resources: dict[str, Any], *, is_v2: bool) -> list[tuple[str, str]]:
    return [(write.file, write.value) for write in limit_writes(resources, is_v2=is_v2)]


def test_limits_on_v1() -> None:
    v1 = {**_RESOURCES, "memory": {**_RESOURCES["memory"], "swappiness": 0, "disableOOMKiller": True}}
    assert _files(v1, is_v2=False) == [
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
        ("cpu.weight", "100"),
        ("cpu.idle", "1"),
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
        ({"memory": {"limit": -1}}, True, [("memory.max", "max"), ("memory.swap.max", "max")]),
        (
            {"memory": {"limit": -1}},
            False,
            [("memory.memsw.limit_in_bytes", "-1"), ("memory.limit_in_bytes", "-1")],
        ),
        (
            {"memory": {"limit": -1, "swap": -1}},
            False,
            [("memory.limit_in_bytes", "-1"), ("memory.memsw.limit_in_bytes", "-1")],
        ),
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
        ({"memory": {"swappiness": 0}}, True, r"linux\.resources\.memory\.swappiness: cgroup v2 has no such setting"),
        ({"memory": {"disableOOMKiller": True}}, True, r"linux\.resources\.memory\.disableOOMKiller: cgroup v2 has"),
        ({"cpu": {"realtimePeriod": 5}}, True, r"linux\.resources\.cpu\.realtimePeriod"),
    ],
)
def test_what_a_layout_cannot_do_is_refused_by_its_field(
    resources: dict[str, Any], *, is_v2: bool, message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        limit_writes(resources, is_v2=is_v2)


def test_a_caller_says_where_its_fields_come_from() -> None:
    with pytest.raises(InvalidArgument, match=r"^--memory-swap \(memory\.swap\): on cgroup v2 a swap limit"):
        limit_writes({"memory": {"swap": 5}}, is_v2=True, place=lambda field: f"--memory-swap ({field})")


@pytest.mark.parametrize(("shares", "weight"), [(0, 1), (2, 1), (1024, 100), (262144, 10000), (1 << 30, 10000)])
def test_cpu_weight_fixed_points(shares: int, weight: int) -> None:
    assert cpu_weight(shares) == weight


def test_cpu_weight_never_falls() -> None:
    weights = [cpu_weight(shares) for shares in range(2, 262145, 997)]
    assert weights == sorted(weights)


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


def test_a_limit_without_its_controller_is_refused(placement: Callable[[str], CgroupPlacement]) -> None:
    layout = placement("v1")
    layout.directories = [one for one in layout.directories if one.hierarchy != "pids"]
    with pytest.raises(
        InvalidArgument, match=r"linux\.resources\.pids\.limit: this host has no pids cgroup controller"
    ):
        create_cgroup(Plan("x"), layout, {"pids": {"limit": 1}})


_HUGE = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}


@pytest.mark.parametrize(
    ("mode", "controllers", "file"),
    [
        ("v1", None, "/sys/fs/cgroup/hugetlb/web/hugetlb.2MB.limit_in_bytes"),
        ("hybrid", ("hugetlb",), "/sys/fs/cgroup/unified/web/hugetlb.2MB.max"),
        ("v2", ("memory", "hugetlb"), "/sys/fs/cgroup/web/hugetlb.2MB.max"),
    ],
)
def test_huge_pages_are_limited_where_their_controller_is(
    placement: Callable[[str], CgroupPlacement], mode: str, controllers: tuple[str, ...] | None, file: str
) -> None:
    layout = placement(mode)
    if controllers is None:
        path = "/sys/fs/cgroup/hugetlb/web"
        layout.directories = [*layout.directories, CgroupDirectory("hugetlb", ("hugetlb",), path, [path])]
    else:
        (unified,) = (one for one in layout.directories if not one.hierarchy)
        unified.controllers = controllers
    plan = Plan("x")
    create_cgroup(plan, layout, _HUGE)
    steps = [step for step in plan.sections()[0].steps if step.field == "linux.resources.hugepageLimits[0]"]
    reserved = ".rsvd.".join(file.rsplit(".", 1))
    assert [(step.s0, step.flags) for step in steps] == [(file, 0), (reserved, IGNORE_ENOENT)]
    assert "no huge pages of this size" in (steps[0].hints or {})[ENOENT]


def test_huge_pages_without_a_controller_are_refused(placement: Callable[[str], CgroupPlacement]) -> None:
    for mode in ("v1", "hybrid", "v2"):
        with pytest.raises(InvalidArgument, match=r"hugepageLimits\[0\]: this host has no hugetlb cgroup controller"):
            create_cgroup(Plan("x"), placement(mode), _HUGE)


@pytest.mark.parametrize(
    ("mode", "warnings"),
    [
        ("v1", ["linux.resources.memory.kernel: no effect: the kernel ignores it since Linux 5.16"]),
        (
            "v2",
            [
                f"linux.resources.memory.{key}: no effect: cgroup v2 has no such limit"
                for key in ("kernel", "kernelTCP")
            ],
        ),
    ],
)
def test_a_limit_without_a_file_is_a_warning(
    placement: Callable[[str], CgroupPlacement], mode: str, warnings: list[str]
) -> None:
    plan = Plan("x")
    memory = {"kernel": 7, "kernelTCP": 7}
    create_cgroup(plan, placement(mode), {"memory": memory})
    assert plan.warnings == warnings
    create_cgroup(plan, placement(mode), {"memory": {"kernel": -1, "disableOOMKiller": False}})
    assert plan.warnings == warnings


def test_the_child_moves_itself_and_no_pid_is_written_for_it(placement: Callable[[str], CgroupPlacement]) -> None:
    plan = Plan("x")
    join_cgroup(plan, placement("hybrid"))
    assert plan.inner.steps[0].operation == "await"
    assert {step.blob for step in plan.inner.steps if step.operation == "write_slot"} == {b"0"}
    opened = [step.s0 or "" for step in plan.inner.steps if step.operation == "open"]
    assert all(path.endswith("/tasks") for path in opened)
    assert not any("unified" in path for path in opened)


def test_a_child_that_loses_the_hosts_paths_is_given_open_files(placement: Callable[[str], CgroupPlacement]) -> None:
    plan = Plan("x")
    create_cgroup(plan, placement("hybrid"), {}, loses_paths=True)
    join_cgroup(plan, placement("hybrid"), loses_paths=True)
    assert plan.until_cgroup.steps == []
    outside = [(step.operation, step.s0) for step in plan.outer.steps]
    made = outside.index(("mkdir", "/sys/fs/cgroup/memory/web"))
    assert made < outside.index(("open", "/sys/fs/cgroup/memory/web/tasks"))
    assert {step.operation for step in plan.inner.steps} == {"await", "write_slot", "close"}


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


@pytest.mark.parametrize(
    ("section", "key", "value", "v1", "v2"),
    [
        ("memory", "limit", 7, "memory memory.limit_in_bytes 7", "memory memory.max 7"),
        ("memory", "swap", -1, "memory memory.memsw.limit_in_bytes -1", "memory memory.swap.max max"),
        ("memory", "reservation", 7, "memory memory.soft_limit_in_bytes 7", "memory memory.low 7"),
        ("memory", "disableOOMKiller", False, "", ""),
        ("memory", "kernel", 7, "", ""),
        ("memory", "kernelTCP", 7, "memory memory.kmem.tcp.limit_in_bytes 7", ""),
        ("memory", "useHierarchy", True, "", ""),
        ("memory", "checkBeforeUpdate", True, "", ""),
        ("cpu", "shares", 1024, "cpu cpu.shares 1024", "cpu cpu.weight 100"),
        ("cpu", "shares", 0, "", ""),
        ("cpu", "quota", 5, "cpu cpu.cfs_quota_us 5", "cpu cpu.max 5 100000"),
        ("cpu", "quota", -1, "cpu cpu.cfs_quota_us -1", "cpu cpu.max max 100000"),
        ("cpu", "quota", 0, "", ""),
        ("cpu", "burst", 3, "cpu cpu.cfs_burst_us 3", "cpu cpu.max.burst 3"),
        ("cpu", "cpus", "0-1", "cpuset cpuset.cpus 0-1", "cpuset cpuset.cpus 0-1"),
        ("cpu", "cpus", "", "", ""),
        ("cpu", "mems", "0", "cpuset cpuset.mems 0", "cpuset cpuset.mems 0"),
        ("cpu", "idle", 0, "cpu cpu.idle 0", "cpu cpu.idle 0"),
        ("cpu", "idle", 1, "cpu cpu.idle 1", "cpu cpu.idle 1"),
        ("pids", "limit", 9, "pids pids.max 9", "pids pids.max 9"),
        ("pids", "limit", -1, "pids pids.max max", "pids pids.max max"),
    ],
)
def test_every_limit_is_one_write_that_names_its_field(section: str, key: str, value: object, v1: str, v2: str) -> None:
    for is_v2, wanted in ((False, v1), (True, v2)):
        writes = limit_writes({section: {key: value}}, is_v2=is_v2)
        assert [f"{write.controller} {write.file} {write.value}" for write in writes] == ([wanted] if wanted else [])
        assert all(write.field == f"linux.resources.{section}.{key}" for write in writes)


@pytest.mark.parametrize(
    ("key", "file"),
    [("realtimePeriod", "cpu.rt_period_us"), ("realtimeRuntime", "cpu.rt_runtime_us"), ("period", "cpu.cfs_period_us")],
)
def test_periods_on_v1(key: str, file: str) -> None:
    assert _files({"cpu": {key: 5}}, is_v2=False) == [(file, "5")]


def test_a_period_is_written_before_what_must_fit_into_it() -> None:
    cpu = {"burst": 1, "quota": 2, "period": 3, "realtimeRuntime": 4, "realtimePeriod": 5}
    files = [file for file, _ in _files({"cpu": cpu}, is_v2=False)]
    assert files.index("cpu.cfs_period_us") < files.index("cpu.cfs_quota_us") < files.index("cpu.cfs_burst_us")
    assert files.index("cpu.rt_period_us") < files.index("cpu.rt_runtime_us")


@pytest.mark.parametrize("is_v2", [False, True])
def test_the_weight_is_written_while_the_cgroup_is_not_idle(*, is_v2: bool) -> None:
    weight = "cpu.weight" if is_v2 else "cpu.shares"
    for idle, wanted in ((0, ["cpu.idle", weight]), (1, [weight, "cpu.idle"])):
        assert [file for file, _ in _files({"cpu": {"idle": idle, "shares": 1024}}, is_v2=is_v2)] == wanted


@pytest.mark.parametrize(("memory", "swap"), [({"limit": 100, "swap": 100}, "0"), ({"limit": 100, "swap": 101}, "1")])
def test_on_v2_swap_is_what_is_left_without_memory(memory: dict[str, int], swap: str) -> None:
    assert ("memory.swap.max", swap) in _files({"memory": memory}, is_v2=True)


def test_unlimited_memory_and_a_swap_limit_are_refused_on_v2() -> None:
    with pytest.raises(InvalidArgument, match=r"memory\.swap: on cgroup v2 a swap limit needs a memory limit"):
        limit_writes({"memory": {"limit": -1, "swap": 5}}, is_v2=True)


def test_unified_files_are_written_as_they_are_and_after_the_limits() -> None:
    resources = {"unified": {"cpu.weight": "5", "memory.high": "max"}, "pids": {"limit": 1}}
    writes = limit_writes(resources, is_v2=True)
    assert [(write.controller, write.file, write.value) for write in writes] == [
        ("pids", "pids.max", "1"),
        ("", "cpu.weight", "5"),
        ("", "memory.high", "max"),
    ]
    assert writes[1].field == 'linux.resources.unified["cpu.weight"]'


def test_cpu_weight_stays_in_the_range_of_the_kernel() -> None:
    weights = [cpu_weight(1 << bit) for bit in range(19)]
    assert weights == sorted(weights)
    assert (min(weights), max(weights)) == (1, 10000)


def test_limits_go_to_the_directory_of_their_controller(placement: Callable[[str], CgroupPlacement]) -> None:
    plan = Plan("x")
    create_cgroup(plan, placement("hybrid"), {"cpu": {"shares": 5}, "memory": {"limit": 6}})
    written = {step.s0: step.blob for step in plan.until_cgroup.steps if step.field.startswith("linux.resources.")}
    assert written["/sys/fs/cgroup/cpu,cpuacct/web/cpu.shares"] == b"5"
    assert written["/sys/fs/cgroup/memory/web/memory.limit_in_bytes"] == b"6"


def test_on_v2_limits_are_set_before_the_clone(placement: Callable[[str], CgroupPlacement]) -> None:
    plan = Plan("x")
    slot = create_cgroup(plan, placement("v2"), {"pids": {"limit": 6}})
    assert plan.until_cgroup.steps == []
    assert ("/sys/fs/cgroup/web/pids.max", b"6") in [(step.s0, step.blob) for step in plan.outer.steps]
    assert plan.outer.steps[-1].fd == slot


def test_without_a_unified_hierarchy_there_is_no_slot_for_the_clone(
    placement: Callable[[str], CgroupPlacement],
) -> None:
    assert create_cgroup(Plan("x"), placement("v1"), {}) == -1


def test_controllers_that_ancestors_lack_are_asked_for_and_may_fail() -> None:
    directory = CgroupDirectory("", ("pids",), "/c/a/web", ["/c/a", "/c/a/web"])
    plan = Plan("x")
    create_cgroup(plan, CgroupPlacement("v2", [directory], [("/c/cgroup.subtree_control", "pids")]), {})
    first = [(step.operation, step.s0, step.blob, step.flags) for step in plan.outer.steps[:3]]
    assert first == [
        ("mkdir", "/c/a", b"", IGNORE_EEXIST),
        ("mkdir", "/c/a/web", b"", IGNORE_EEXIST),
        ("write", "/c/cgroup.subtree_control", b"+pids", BEST_EFFORT),
    ]


def test_a_placement_tells_directories_by_controller_and_by_hierarchy(
    placement: Callable[[str], CgroupPlacement],
) -> None:
    hybrid = placement("hybrid")
    by_controller = hybrid.by_controller()
    assert by_controller["cpuacct"] == by_controller["cpu"] == "/sys/fs/cgroup/cpu,cpuacct/web"
    assert by_controller[""] == "/sys/fs/cgroup/unified/web"
    assert hybrid.paths()["name=systemd"] == "/sys/fs/cgroup/systemd/web"
    assert list(hybrid.paths()) == [directory.hierarchy for directory in hybrid.directories]


def test_nothing_is_killed_in_no_cgroup_at_all() -> None:
    plan = Plan("x")
    remove_cgroup(plan, [], kill_processes=True)
    assert plan.cleanup.steps == []
