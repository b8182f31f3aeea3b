"""The root: attached, hidden paths, sealed, changed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from orlop.linux.flags import (
    AT_RECURSIVE,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    O_PATH,
    OPEN_TREE_CLONE,
)
from orlop.plan.builder import Plan, Section
from orlop.plan.mounts import attributes_blob
from orlop.plan.rootfs import attach_rootfs, change_root, cut_propagation, hide_paths, open_rootfs, seal_root

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


@pytest.mark.parametrize(
    ("wanted", "isolation", "how_far"),
    [
        ("", MS_SLAVE, AT_RECURSIVE),
        ("rslave", MS_SLAVE, AT_RECURSIVE),
        ("private", MS_PRIVATE, AT_RECURSIVE),
        ("rshared", MS_PRIVATE, 0),
    ],
)
def test_the_rootfs_is_cut_off_from_the_host_while_nobody_can_reach_it(
    wanted: str, isolation: int, how_far: int
) -> None:
    section = Section()
    open_rootfs(section, {"rootfsPropagation": wanted}, "/b/rootfs", 4)
    opened, *rest = section.steps
    assert (opened.operation, opened.fd, opened.s0) == ("open_tree", 4, "/b/rootfs")
    assert opened.n0 == OPEN_TREE_CLONE | AT_RECURSIVE
    assert [(step.operation, step.fd, step.n0, step.blob) for step in rest] == [
        ("mount_setattr", 4, how_far, attributes_blob(0, 0, isolation))
    ]


def test_the_rootfs_is_attached_over_its_own_directory() -> None:
    plan = Plan("x")
    root = plan.slot()
    attach_rootfs(plan, "/b/rootfs", root)
    opened, moved, closed = plan.inner.steps
    assert (opened.operation, opened.s0, opened.n0) == ("open", "/b/rootfs", O_PATH | os.O_DIRECTORY)
    assert (moved.operation, moved.fd, moved.at) == ("move_mount", root, opened.fd)
    assert (closed.operation, closed.fd) == ("close", opened.fd)


def test_what_masks_is_verified_to_be_the_null_device() -> None:
    plan = Plan("x")
    hide_paths(plan, {"maskedPaths": ["/a"]}, 3)
    opened, verified, mask = plan.inner.steps
    assert opened.fd == verified.fd == mask.fd
    assert (verified.n0, verified.n1) == (os.makedev(1, 3), stat.S_IFCHR)
    assert mask.n0 not in (mask.fd, mask.at)
    assert mask.field == "linux.maskedPaths[0] (/a)"


@pytest.mark.parametrize("no_pivot", [True, False])
def test_the_change_of_root_is_a_pivot_unless_it_cannot_be(*, no_pivot: bool) -> None:
    section = Section()
    change_root(section, {}, 5, no_pivot=no_pivot)
    assert [(step.operation, step.at, step.n0) for step in section.steps] == [("pivot_root", 5, int(no_pivot))]


def test_a_read_only_root_is_one_attribute_of_its_own_mount() -> None:
    section = Section()
    seal_root(section, {"readonly": True}, 6)
    (sealed,) = section.steps
    assert (sealed.fd, sealed.n0, sealed.blob) == (6, 0, attributes_blob(MOUNT_ATTR_RDONLY))


def test_nothing_of_the_container_is_attached_before_propagation_is_cut(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    names = [step.operation for step in compiled(config).inner.steps]
    assert names.index("propagation") < names.index("move_mount")
