"""Mounts: detached sources, isolation, links, order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.linux.flags import AT_RECURSIVE, MOUNT_ATTR_RDONLY, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE
from orlop.plan.builder import u64_blob
from orlop.plan.mounts import (
    attributes_blob,
    clean_destination,
    is_dev_bound,
    root_propagation,
    source_propagation,
)
from orlop.plan.operations import NO_SYMLINKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan, Section


def _about(section: Section, field: str) -> list[str]:
    return [step.operation for step in section.steps if step.field.startswith(field)]


def _bind(destination: str, options: list[str], source: str = "/srv") -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": source, "options": options}


@pytest.mark.parametrize(
    ("text", "clean"),
    [("/a", "/a"), ("a/b", "/a/b"), ("/a/../b", "/b"), ("/../../x", "/x"), ("//a///b/./", "/a/b"), ("/..", "/")],
)
def test_destinations_stay_below_the_root(text: str, clean: str) -> None:
    assert clean_destination(text) == clean


def test_a_bind_is_read_only_before_it_is_attached(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/data", ["rbind", "ro"])]
    plan = compiled(config)
    before = [step for step in plan.outer.steps if step.field == "mounts[0] (/data)"]
    assert [step.operation for step in before] == ["open_tree", "mount_setattr", "mount_setattr"]
    assert before[0].n0 & AT_RECURSIVE
    assert before[1].blob == u64_blob(0, 0, MS_SLAVE, 0)
    assert before[2].blob == u64_blob(MOUNT_ATTR_RDONLY, 0, 0, 0)
    assert _about(plan.inner, "mounts[0]") == ["target", "verify_filesystem", "move_mount", "close"]


def test_recursive_options_are_recursive(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/data", ["rbind", "rro"])]
    steps = [step for step in compiled(config).outer.steps if step.field == "mounts[0] (/data)"]
    assert steps[-1].n0 & AT_RECURSIVE
    assert steps[-1].blob == attributes_blob(MOUNT_ATTR_RDONLY)


def test_a_relative_source_is_the_bundles(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/data", ["bind"], source="files/x")]
    sources = [step.s0 for step in compiled(config).outer.steps if step.operation == "open_tree"]
    assert "/bundle/files/x" in sources


def test_a_tmpfs_becomes_read_only_last(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/t", "type": "tmpfs", "options": ["ro", "nosuid"]}]
    steps = [step for step in compiled(config).inner.steps if step.field == "mounts[0] (/t)"]
    assert not next(step for step in steps if step.operation == "new_mount").n0 & MOUNT_ATTR_RDONLY
    assert steps[-1].operation == "mount_setattr"
    assert steps[-1].blob == attributes_blob(MOUNT_ATTR_RDONLY)


def test_tmpcopyup_copies_before_it_covers(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/etc", "type": "tmpfs", "options": ["tmpcopyup"]}]
    names = _about(compiled(config).inner, "mounts[0]")
    assert names.index("copy_tree") < names.index("move_mount")


def test_the_cgroup_is_joined_before_it_is_shown(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    names = [(step.operation, step.field) for step in compiled(config).inner.steps]
    joined = max(index for index, (name, _) in enumerate(names) if name == "write_slot")
    shown = min(index for index, (name, field) in enumerate(names) if name == "open_tree" and "cgroup" in field)
    assert joined < shown


@pytest.mark.parametrize("path", ["/proc", "/sys", "/dev"])
def test_kernel_file_systems_are_refused_behind_a_link(
    config: dict[str, Any], compiled: Callable[..., Plan], path: str
) -> None:
    targets = [step for step in compiled(config).inner.steps if step.operation == "target" and step.s0 == path]
    assert targets
    assert all(step.flags & NO_SYMLINKS for step in targets)


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        (_bind("/", ["bind"]), r'mounts\[0\]\.destination: "/" is the container\'s root'),
        (_bind("/a/..", ["bind"]), r'mounts\[0\]\.destination: "/" is the container\'s root'),
        (_bind("/proc/1/x", ["bind"]), r'mounts\[0\]\.destination: "/proc/1/x" is inside /proc'),
        ({"destination": "/proc/x", "type": "tmpfs"}, r'mounts\[0\]\.destination: "/proc/x" is inside /proc'),
    ],
)
def test_destinations_that_are_refused(
    config: dict[str, Any], compiled: Callable[..., Plan], mount: dict[str, Any], message: str
) -> None:
    config["mounts"] = [mount]
    with pytest.raises(InvalidArgument, match=message):
        compiled(config)


def test_what_lxcfs_offers_may_cover_files_of_proc(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/proc/meminfo", ["bind"])]
    assert "verify_filesystem" not in _about(compiled(config).inner, "mounts[0]")


def test_only_a_procfs_may_be_bound_to_proc(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [_bind("/proc", ["rbind"])]
    assert "verify_filesystem" in _about(compiled(config).outer, "mounts[0]")


@pytest.mark.parametrize(
    ("wanted", "root", "source"),
    [
        ("", MS_SLAVE | MS_REC, MS_SLAVE),
        ("rprivate", MS_PRIVATE | MS_REC, MS_PRIVATE),
        ("shared", MS_SHARED, 0),
    ],
)
def test_propagation(wanted: str, root: int, source: int) -> None:
    linux = {"rootfsPropagation": wanted}
    assert root_propagation(linux) == root
    assert source_propagation(linux) == source


def test_a_bound_dev_is_not_filled() -> None:
    assert is_dev_bound([_bind("/dev/", [])])
    assert is_dev_bound([{"destination": "/dev", "type": "none", "source": "/dev", "options": ["rbind"]}])
    assert not is_dev_bound([{"destination": "/dev", "type": "tmpfs"}, _bind("/dev/x", ["bind"])])
