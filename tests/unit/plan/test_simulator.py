"""The rules find plans that break them, and plans are told as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.plan.builder import Plan
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
