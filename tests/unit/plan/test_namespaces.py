"""Namespaces: new, joined, and the cases that need a stage."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.linux.flags import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWTIME,
    CLONE_NEWUSER,
)
from orlop.plan.builder import Plan
from orlop.plan.namespaces import FLAG_OF_TYPE, Namespaces
from orlop.plan.tags import TAG_CGROUP, TAG_MAPS, TAG_NETWORK, TAG_STAGE

_MAPS = [{"containerID": 0, "hostID": 5, "size": 1}]


def _compile(*kinds: str, **linux: Any) -> tuple[Plan, Namespaces]:
    plan = Plan("x")
    namespaces = []
    for kind in kinds:
        name, _, path = kind.partition("=")
        namespaces.append({"type": name, **({"path": path} if path else {})})
    found = Namespaces(plan, {"namespaces": namespaces, **linux})
    found.settle()
    found.enter_cgroup_namespace()
    found.enter(-1)
    return plan, found


def _flags(plan: Plan, operation: str) -> list[int]:
    return [step.n0 for section in plan.sections() for step in section.steps if step.operation == operation]


def test_the_clone_makes_only_what_must_be_in_it() -> None:
    plan, _ = _compile("pid", "network", "mount", "cgroup")
    assert _flags(plan, "clone") == [CLONE_NEWPID]
    assert _flags(plan, "unshare") == [CLONE_NEWNS, CLONE_NEWCGROUP]


def test_id_maps_are_written_before_the_child_goes_on() -> None:
    plan, found = _compile("user", "pid", "mount", uidMappings=_MAPS, gidMappings=_MAPS)
    assert found.is_new("user")
    assert _flags(plan, "clone") == [CLONE_NEWUSER | CLONE_NEWPID]
    outer = [(step.operation, step.s0) for step in plan.outer.steps]
    assert outer[-3:] == [("write_init_proc", "uid_map"), ("write_init_proc", "gid_map"), ("release", None)]
    assert plan.inner.steps[0].operation == "await"


def test_a_joined_pid_namespace_is_joined_by_the_outer_process() -> None:
    plan, _ = _compile("pid=/proc/7/ns/pid", "mount")
    assert [(step.operation, step.s0) for step in plan.outer.steps][:2] == [
        ("open", "/proc/7/ns/pid"),
        ("setns", "/proc/7/ns/pid"),
    ]
    assert _flags(plan, "clone") == [0]


def test_a_joined_user_namespace_comes_last_for_it_takes_the_rights_over_what_the_host_owns() -> None:
    plan, _ = _compile("network=/n", "user=/u", "ipc=/i", "cgroup=/c")
    assert [step.s0 for step in plan.inner.steps if step.operation == "setns"] == ["/n", "/i", "/c", "/u"]


@pytest.mark.parametrize("kind", ["network", "uts", "ipc", "cgroup", "time"])
def test_what_the_host_owns_is_joined_before_a_new_user_namespace_is_made(kind: str) -> None:
    plan, _ = _compile("user", f"{kind}=/n", uidMappings=_MAPS, gidMappings=_MAPS)
    assert _flags(plan, "clone") == [0]
    steps = [(step.operation, step.n0) for step in plan.inner.steps]
    assert steps == [
        ("setns", FLAG_OF_TYPE[kind]),
        ("unshare", CLONE_NEWUSER),
        ("signal", TAG_MAPS),
        ("await", TAG_MAPS),
    ]
    outer = [(step.operation, step.n0) for step in plan.outer.steps]
    names = [name for name, _ in outer]
    assert outer[names.index("clone") + 1] == ("wait_signal", TAG_MAPS)
    assert names[-3:] == ["write_init_proc", "write_init_proc", "release"]


def test_a_new_pid_namespace_is_then_made_in_the_new_user_namespace() -> None:
    plan, found = _compile("user", "network=/n", "pid", "mount", uidMappings=_MAPS, gidMappings=_MAPS)
    assert found.needs_stage
    assert _flags(plan, "clone") == [0]
    assert _flags(plan, "unshare") == [CLONE_NEWUSER, CLONE_NEWPID | CLONE_NEWNS]
    names = [step.operation for step in plan.inner.steps]
    assert names == ["setns", "unshare", "signal", "await", "unshare", "refork", "signal"]


def test_a_joined_pid_namespace_alone_leaves_the_user_namespace_to_the_clone() -> None:
    plan, found = _compile("user", "pid=/p", uidMappings=_MAPS, gidMappings=_MAPS)
    assert not found.needs_stage
    assert _flags(plan, "clone") == [CLONE_NEWUSER]


def test_a_mount_namespace_cannot_be_joined_with_a_new_user_namespace() -> None:
    with pytest.raises(
        InvalidArgument, match=r"linux\.namespaces\[1\]\.path: nothing can be mounted .*; join the user"
    ):
        _compile("user", "mount=/m", uidMappings=_MAPS, gidMappings=_MAPS)


@pytest.mark.parametrize(
    ("kinds", "needs_stage"),
    [
        (("pid", "mount"), False),
        (("pid", "time"), True),
        (("user=/u", "pid"), True),
        (("user=/u", "cgroup"), False),
        (("user", "pid"), False),
        (("time=/t", "pid"), False),
    ],
)
def test_when_a_stage_is_needed(kinds: tuple[str, ...], *, needs_stage: bool) -> None:
    plan, found = _compile(*kinds, uidMappings=_MAPS, gidMappings=_MAPS)
    assert found.needs_stage is needs_stage
    assert ("refork" in [step.operation for step in plan.inner.steps]) is needs_stage


def test_time_offsets_are_written_before_the_first_process_is_in() -> None:
    plan, _ = _compile("pid", "time", timeOffsets={"monotonic": {"secs": -3}})
    names = [step.operation for step in plan.inner.steps]
    assert names.index("unshare") < names.index("write_self_proc") < names.index("refork")
    (offsets,) = [step.blob for step in plan.inner.steps if step.operation == "write_self_proc"]
    assert offsets == b"monotonic -3 0\n"
    assert _flags(plan, "clone") == [0]
    assert _flags(plan, "unshare") == [CLONE_NEWPID | CLONE_NEWTIME]


def test_has_and_is_new() -> None:
    _, found = _compile("pid", "network=/n")
    assert found.has("pid")
    assert found.has("network")
    assert not found.is_new("network")
    assert not found.has("user")


_ALL = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")


@pytest.mark.parametrize(("made", "joined"), list(itertools.permutations(_ALL, 2)))
def test_a_stage_is_needed_for_a_new_time_namespace_or_new_ones_below_a_joined_user_namespace(
    made: str, joined: str
) -> None:
    if (made, joined) == ("user", "mount"):
        return  # refused, as another test has it
    _, found = _compile(made, f"{joined}=/n", uidMappings=_MAPS, gidMappings=_MAPS)
    is_owned_by_joined = joined == "user" and made not in ("user", "cgroup")
    assert found.needs_stage is (made == "time" or is_owned_by_joined)


@pytest.mark.parametrize("kind", _ALL)
def test_each_joined_namespace_is_opened_outside_and_entered_once_by_its_flag(kind: str) -> None:
    plan, found = _compile(f"{kind}=/n")
    assert (plan.outer.steps[0].operation, plan.outer.steps[0].s0) == ("open", "/n")
    entered = [
        step for section in plan.sections() for step in section.steps if step.operation == "setns" and step.s0 == "/n"
    ]
    assert [(step.fd, step.n0) for step in entered] == [(found.joined[kind], FLAG_OF_TYPE[kind])]
    assert entered[0].field == "linux.namespaces[0].path"
    assert found.new_flags == 0


@pytest.mark.parametrize("kind", _ALL)
def test_each_new_namespace_is_made_once(kind: str) -> None:
    plan, found = _compile(kind, uidMappings=_MAPS, gidMappings=_MAPS)
    made = sum(_flags(plan, "clone")) + sum(_flags(plan, "unshare"))
    if "new_network" in [step.operation for step in plan.outer.steps]:
        made |= CLONE_NEWNET
    assert made == found.new_flags == FLAG_OF_TYPE[kind]


def test_with_a_stage_everything_new_but_the_user_and_cgroup_namespace_is_made_before_it() -> None:
    plan, _ = _compile(*_ALL, uidMappings=_MAPS, gidMappings=_MAPS)
    assert _flags(plan, "clone") == [CLONE_NEWUSER]
    first, second = _flags(plan, "unshare")
    assert first == sum(FLAG_OF_TYPE[kind] for kind in _ALL if kind not in ("user", "cgroup"))
    assert second == CLONE_NEWCGROUP
    names = [step.operation for step in plan.inner.steps]
    assert names.index("unshare") < names.index("refork") < names.index("signal")


def test_the_outer_process_waits_for_the_init_that_the_stage_made() -> None:
    plan, _ = _compile("pid", "time")
    assert [(step.operation, step.n0) for step in plan.after_clone.steps] == [("wait_signal", TAG_STAGE)]
    plan, _ = _compile("pid")
    assert plan.after_clone.steps == []


def test_with_a_stage_a_joined_pid_namespace_is_joined_by_the_stage() -> None:
    plan, _ = _compile("pid=/p", "time")
    assert "setns" not in [step.operation for step in plan.outer.steps]
    assert [step.s0 for step in plan.inner.steps if step.operation == "setns"] == ["/p"]


def test_a_new_cgroup_namespace_comes_after_the_others() -> None:
    plan, _ = _compile("cgroup", "ipc")
    assert _flags(plan, "unshare") == [CLONE_NEWIPC, CLONE_NEWCGROUP]


def test_a_network_namespace_is_made_outside_and_handed_over() -> None:
    plan, found = _compile("pid", "network", "mount")
    assert [step.operation for step in plan.outer.steps[-4:]] == ["clone", "new_network", "release", "close"]
    assert not found.needs_loopback()
    for _ in range(2):
        found.enter_network()
    handed = [step for step in plan.inner.steps if step.field == "linux.namespaces (network)"]
    assert [(step.operation, step.n0) for step in handed] == [
        ("await", TAG_NETWORK),
        ("setns", CLONE_NEWNET),
        ("close", 0),
        ("loopback", 0),
    ]


@pytest.mark.parametrize("others", [["user"], ["user=/u"], ["time"]])
def test_a_network_namespace_that_something_ties_to_the_child_is_made_by_it(others: list[str]) -> None:
    plan, found = _compile("network", *others, uidMappings=_MAPS, gidMappings=_MAPS)
    assert "new_network" not in [step.operation for step in plan.outer.steps]
    assert any(flags & CLONE_NEWNET for flags in _flags(plan, "unshare"))
    assert found.needs_loopback()
    found.enter_network()
    assert "setns" not in [step.operation for step in plan.inner.steps if step.field == "linux.namespaces (network)"]


def test_the_clone_goes_into_the_cgroup() -> None:
    plan = Plan("x")
    Namespaces(plan, {}).enter(9)
    assert [(step.operation, step.fd, step.n0) for step in plan.outer.steps] == [("clone", 9, 0)]
    assert [(step.operation, step.n0) for step in plan.until_cgroup.steps] == [("release", TAG_CGROUP)]


def test_only_a_user_namespace_makes_a_root_of_its_own() -> None:
    for kind, wanted in (("user", ["identity"]), ("user=/u", ["identity"]), ("pid", [])):
        plan, found = _compile(kind, uidMappings=_MAPS, gidMappings=_MAPS)
        before = len(plan.inner.steps)
        found.become_root_of_user_namespace()
        assert [step.operation for step in plan.inner.steps[before:]] == wanted


def test_id_maps_are_written_as_the_kernel_reads_them() -> None:
    maps = [{"containerID": 0, "hostID": 100000, "size": 10}, {"containerID": 10, "hostID": 5, "size": 1}]
    plan, _ = _compile("user", uidMappings=maps, gidMappings=_MAPS)
    written = {step.s0: step.blob.split() for step in plan.outer.steps if step.operation == "write_init_proc"}
    assert written["uid_map"] == [b"0", b"100000", b"10", b"10", b"5", b"1"]
    assert written["gid_map"] == [b"0", b"5", b"1"]


def test_every_time_offset_is_a_write_of_its_own() -> None:
    plan, _ = _compile("time", timeOffsets={"monotonic": {"secs": 1, "nanosecs": 2}, "boottime": {"nanosecs": 3}})
    written = [(step.field, step.blob) for step in plan.inner.steps if step.operation == "write_self_proc"]
    assert written == [
        ("linux.timeOffsets.monotonic", b"monotonic 1 2\n"),
        ("linux.timeOffsets.boottime", b"boottime 0 3\n"),
    ]
