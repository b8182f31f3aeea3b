"""The root: attached, hidden paths, sealed, changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.linux.flags import MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE
from orlop.plan.builder import Plan, Section
from orlop.plan.rootfs import change_root, cut_propagation, hide_paths, seal_root

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("wanted", "flags"), [("", MS_SLAVE), ("shared", MS_SLAVE), ("rprivate", MS_PRIVATE), ("slave", MS_SLAVE)]
)
def test_nothing_of_ours_propagates_to_the_host(wanted: str, flags: int) -> None:
    section = Section()
    cut_propagation(section, {"rootfsPropagation": wanted})
    assert section.steps[0].n0 == flags | MS_REC


def test_the_null_device_is_opened_and_verified_once() -> None:
    plan = Plan("x")
    hide_paths(plan, {"maskedPaths": ["/a", "/b"], "readonlyPaths": ["/c"]}, 3)
    assert [(step.operation, step.s0) for step in plan.inner.steps] == [
        ("open", "/dev/null"),
        ("verify_device", None),
        ("mask", "/a"),
        ("mask", "/b"),
        ("readonly", "/c"),
    ]
    assert {step.n0 for step in plan.inner.steps if step.operation == "mask"} == {plan.inner.steps[2].n0}
    assert all(step.at == 3 for step in plan.inner.steps[2:])


def test_without_masked_paths_no_device_is_opened() -> None:
    plan = Plan("x")
    hide_paths(plan, {}, 3)
    assert plan.inner.steps == []


def test_only_a_read_only_root_is_sealed() -> None:
    section = Section()
    seal_root(section, {"readonly": False}, 1)
    assert section.steps == []
    seal_root(section, {"readonly": True}, 1)
    assert section.steps[0].operation == "mount_setattr"


def test_propagation_of_the_root_is_set_once_it_is_the_root() -> None:
    section = Section()
    change_root(section, {"rootfsPropagation": "shared"}, 1, no_pivot=True)
    assert [(step.operation, step.n0) for step in section.steps] == [("pivot_root", 1), ("propagation", MS_SHARED)]


def test_paths_are_hidden_after_the_hooks_and_before_the_change_of_root(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["hooks"] = {"createContainer": [{"path": "/hook"}]}
    names = [step.operation for step in compiled(config).inner.steps]
    assert names.index("hook") < names.index("mask") < names.index("pivot_root")


def test_the_root_is_sealed_after_its_last_change(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    steps = compiled(config).inner.steps
    sealed = max(index for index, step in enumerate(steps) if step.field == "root.readonly")
    assert all(step.operation not in {"mknod", "symlink", "target"} for step in steps[sealed:])
