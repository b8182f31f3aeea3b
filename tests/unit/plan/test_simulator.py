"""The rules find plans that break them, and plans are told as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.linux.flags import OPEN_TREE_CLONE
from orlop.plan.builder import Plan
from orlop.plan.operations import TARGET_DIRECTORY, TARGET_LIKE_SOURCE
from orlop.plan.simulator import broken_rules, describe_plan, describe_step

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_compiled_plan_breaks_none(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    assert broken_rules(compiled(config)) == []


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("setsid", "the inner section ends with its only execve"),
        ("execve", "the inner section ends with its only execve"),
        ("sethostname", "sethostname after the capabilities are dropped"),
    ],
)
def test_what_follows_execve_is_found(
    config: dict[str, Any], compiled: Callable[..., Plan], operation: str, message: str
) -> None:
    plan = compiled(config)
    plan.inner.add(operation)
    assert message in broken_rules(plan)


def test_a_path_after_the_change_of_root_is_found(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    plan = compiled(config)
    names = [step.operation for step in plan.inner.steps]
    step = plan.inner.steps.pop(names.index("mask"))
    plan.inner.steps.insert(names.index("pivot_root") + 1, step)
    assert "mask after the change of root" in broken_rules(plan)


def test_a_slot_that_nothing_filled_is_found() -> None:
    plan = Plan("x")
    plan.inner.add("move_mount", fd=3, at=4, s0="/x")
    plan.inner.add("execve")
    assert broken_rules(plan) == [
        "inner[0] move_mount uses slot 4, which nothing filled",
        "inner[0] move_mount uses slot 3, which nothing filled",
    ]


def test_a_step_is_told_by_the_names_of_its_arguments() -> None:
    plan = Plan("x")
    plan.outer.about("linux.cgroupsPath")
    plan.outer.add("write", s0="/a", blob=b"1")
    plan.outer.add("mknod", at=1, s0="/n", n0=0o20666, n1=0x103)
    assert describe_step(plan.outer.steps[0]) == "write path='/a' data='1'"
    assert describe_step(plan.outer.steps[1]) == "mknod root=#1 path='/n' mode=0x21b6 device=0x103 owner=''"
    assert describe_plan(plan).splitlines()[:2] == [
        "outer:",
        "    0  linux.cgroupsPath                      write path='/a' data='1'",
    ]


def test_long_and_binary_blobs_are_told_by_length() -> None:
    plan = Plan("x")
    plan.inner.add("seccomp", blob=b"\xff" * 8)
    assert describe_step(plan.inner.steps[0]) == "seccomp program=<8 bytes>"


def _step_after(plan: Plan, marker: str, operation: str) -> None:
    """Put an operation right behind the one that ends its time."""
    plan.inner.add(operation)
    step = plan.inner.steps.pop()
    plan.inner.steps.insert([one.operation for one in plan.inner.steps].index(marker) + 1, step)


@pytest.mark.parametrize(
    "operation",
    [
        *("new_mount", "move_mount", "mount_setattr", "pivot_root", "mask", "readonly", "mknod", "sysctl"),
        *("sethostname", "setdomainname", "unshare", "setns", "open_tree"),
    ],
)
def test_what_needs_privilege_is_found_after_the_capabilities(
    config: dict[str, Any], compiled: Callable[..., Plan], operation: str
) -> None:
    plan = compiled(config)
    _step_after(plan, "capabilities", operation)
    assert f"{operation} after the capabilities are dropped" in broken_rules(plan)


@pytest.mark.parametrize("operation", ["target", "mask", "readonly", "mknod", "open", "open_tree"])
def test_every_path_of_the_host_is_found_after_the_change_of_root(
    config: dict[str, Any], compiled: Callable[..., Plan], operation: str
) -> None:
    plan = compiled(config)
    _step_after(plan, "pivot_root", operation)
    assert broken_rules(plan) == [f"{operation} after the change of root"]


def test_a_plan_without_execve_is_found() -> None:
    plan = Plan("x")
    assert broken_rules(plan) == ["the inner section ends with its only execve"]
    plan.inner.add("setsid")
    assert broken_rules(plan) == ["the inner section ends with its only execve"]
    plan.inner.add("execve")
    assert broken_rules(plan) == []


def test_a_move_of_the_callers_own_process_is_found(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    plan = compiled(config)
    plan.outer.add("write_slot", fd=plan.until_cgroup.steps[-1].fd, blob=b"c 1:3 rwm")
    plan.after_clone.steps[:0] = plan.outer.steps[-1:]
    assert not any("moves" in broken for broken in broken_rules(plan))
    plan.after_clone.steps[0].blob = b"0"
    assert any(broken.endswith("moves the caller's process into a cgroup") for broken in broken_rules(plan))


@pytest.mark.parametrize("operation", ["write_init_proc", "release", "wait_signal", "wait_exec", "supervise"])
def test_what_needs_init_is_found_before_the_clone(operation: str) -> None:
    plan = Plan("x")
    plan.outer.add(operation)
    plan.outer.add("clone")
    plan.inner.add("execve")
    assert f"{operation} before clone" in broken_rules(plan)


def test_a_second_clone_is_found() -> None:
    plan = Plan("x")
    plan.outer.add("clone")
    plan.after_clone.add("clone")
    plan.inner.add("execve")
    assert broken_rules(plan) == ["a second clone"]


def test_a_mount_of_the_host_that_is_handed_on_attached_is_found() -> None:
    plan = Plan("x")
    plan.outer.add("open_tree", fd=1, s0="/a")
    plan.inner.add("open_tree", fd=1, s0="/a")
    plan.inner.add("execve")
    assert broken_rules(plan) == ["outer[0] opens a mount that is not detached, which the child cannot attach"]


@pytest.mark.parametrize(
    "operation", ["mask", "console", "copy_tree", "write_self_proc", "kill", "wait_exit", "sysctl"]
)
def test_every_operation_on_a_slot_that_was_closed_is_found(operation: str) -> None:
    plan = Plan("x")
    for name in ("open", operation, "close", operation):
        plan.inner.add(name, fd=3)
    plan.inner.add("execve")
    assert broken_rules(plan) == [f"inner[3] {operation} uses slot 3, which nothing filled"]


def test_a_cgroup_of_the_clone_that_nothing_opened_is_found() -> None:
    plan = Plan("x")
    plan.outer.add("clone", fd=5)
    plan.inner.add("execve")
    assert broken_rules(plan) == ["outer[0] clone uses slot 5, which nothing filled"]


def test_the_source_that_a_target_is_made_after_must_be_open() -> None:
    plan = Plan("x")
    plan.inner.add("open", fd=1, s0="/")
    plan.inner.add("target", fd=2, at=1, s0="a", n1=TARGET_LIKE_SOURCE | 9 << 8)
    plan.inner.add("target", fd=2, at=1, s0="a", n1=TARGET_DIRECTORY)
    plan.inner.add("execve")
    assert broken_rules(plan) == ["inner[1] target uses slot 9, which nothing filled"]


def test_the_child_has_what_was_open_at_the_clone_and_nothing_later() -> None:
    plan = Plan("x")
    plan.outer.add("open", fd=1, s0="/a")
    plan.outer.add("open", fd=2, s0="/b")
    plan.outer.add("close", fd=2)
    plan.outer.add("clone")
    plan.after_clone.add("close", fd=1)
    plan.after_clone.add("open", fd=3, s0="/c")
    for slot in (1, 2, 3):
        plan.inner.add("write_slot", fd=slot)
    plan.inner.add("execve")
    assert broken_rules(plan) == [
        "inner[1] write_slot uses slot 2, which nothing filled",
        "inner[2] write_slot uses slot 3, which nothing filled",
    ]


def test_after_supervise_and_in_the_cleanup_nothing_of_the_outer_section_is_open() -> None:
    plan = Plan("x")
    plan.outer.add("open", fd=1, s0="/a")
    plan.outer.add("clone")
    for name in ("write_slot", "supervise", "write_slot"):
        plan.after_clone.add(name, fd=1 if name == "write_slot" else -1)
    plan.cleanup.add("unlink", at=1, s0="b")
    plan.inner.add("execve")
    assert broken_rules(plan) == [
        "outer[4] write_slot uses slot 1, which nothing filled",
        "cleanup[0] unlink uses slot 1, which nothing filled",
    ]


@pytest.mark.parametrize("section", ["outer", "inner", "cleanup"])
@pytest.mark.parametrize(
    ("operation", "fills"),
    [
        ("write_slot", "open"),
        ("move_mount", "open_tree"),
        ("mount_setattr", "new_mount"),
        ("verify_filesystem", "target"),
        ("await_start", "listen"),
        ("setns", "pidfd_open"),
        ("device_filter", "connect"),
    ],
)
def test_a_slot_may_be_used_in_every_section_once_it_is_filled(section: str, operation: str, fills: str) -> None:
    for first, second in ((operation, fills), (fills, operation)):
        plan = Plan("x")
        for name in (first, second):
            getattr(plan, section).add(name, fd=7, n0=OPEN_TREE_CLONE)
        plan.inner.add("execve")
        found = [f"{section}[0] {operation} uses slot 7, which nothing filled"] if first == operation else []
        assert broken_rules(plan) == found


def test_a_directory_slot_that_nothing_filled_is_found() -> None:
    plan = Plan("x")
    plan.outer.add("open", fd=1, s0="/d")
    plan.outer.add("mkdir", at=1, s0="a")
    plan.cleanup.add("unlink", at=2, s0="a")
    plan.inner.add("execve")
    assert broken_rules(plan) == ["cleanup[0] unlink uses slot 2, which nothing filled"]


def test_templates_are_told_in_words() -> None:
    plan = Plan("x")
    plan.outer.add("hook", s0="/h", s1='{"pid":\x01,"at":\x02}', n0=1)
    assert """state_template='{"pid":PID,"at":START_TIME}'""" in describe_step(plan.outer.steps[0])


def test_numbers_and_slots_that_are_not_given_are_not_told() -> None:
    plan = Plan("x")
    plan.outer.add("open", s0="/f")
    plan.outer.add("setsid", n0=7)
    assert [describe_step(step) for step in plan.outer.steps] == ["open path='/f'", "setsid"]


def test_all_sections_are_told_in_their_order_and_the_parts_of_the_outer_one_as_one() -> None:
    plan = Plan("x")
    for section in (plan.cleanup, plan.inner, plan.after_clone, plan.until_cgroup, plan.outer):
        section.add("setsid")
    lines = [line.split() for line in describe_plan(plan).splitlines()]
    assert [line[0] for line in lines] == ["outer:", "0", "1", "2", "inner:", "0", "cleanup:", "0"]
    assert lines[1] == ["0", "-", "setsid"]


def test_a_claim_that_is_not_first_is_found(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    plan = compiled(config)
    plan.outer.steps.insert(1, plan.outer.steps.pop(0))
    assert "claim after write" in broken_rules(plan)


def test_waits_that_cross_are_found(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    plan = compiled(config)
    first, second = [step for step in plan.inner.steps if step.operation == "await"][:2]
    first.n0, second.n0 = second.n0, first.n0
    assert any(rule.startswith("release of [3, 4, 6], but await of [4, 3, 6]") for rule in broken_rules(plan))


def test_a_mount_that_needs_the_cgroup_early_does_not_cross_the_waits(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["mounts"] = [
        {"destination": "/work", "type": "tmpfs", "options": ["tmpcopyup"]},
        {"destination": "/sys", "type": "sysfs"},
    ]
    assert broken_rules(compiled(config)) == []
