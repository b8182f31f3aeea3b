"""Namespaces: new, joined, and the cases that need a stage."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.linux.flags import (
    CLONE_NEWCGROUP,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWTIME,
    CLONE_NEWUSER,
)
from orlop.plan.builder import Plan
from orlop.plan.namespaces import Namespaces

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
    assert _flags(plan, "unshare") == [CLONE_NEWNET | CLONE_NEWNS, CLONE_NEWCGROUP]


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


def test_a_joined_user_namespace_comes_first() -> None:
    plan, _ = _compile("network=/n", "user=/u", "ipc=/i")
    assert [step.s0 for step in plan.inner.steps if step.operation == "setns"] == ["/u", "/n", "/i"]


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
