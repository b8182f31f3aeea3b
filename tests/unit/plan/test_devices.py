"""Device nodes, bound devices, and links."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from orlop.linux.flags import OPEN_TREE_CLONE
from orlop.plan.builder import u32_blob
from orlop.plan.operations import TARGET_FILE

from .configurations import MAPPINGS
from .plan_rules import root_slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan, Step


def _nodes(plan: Plan) -> dict[str, Step]:
    return {step.s0 or "": step for step in plan.inner.steps if step.operation == "mknod"}


def test_the_default_devices_have_their_numbers(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    nodes = _nodes(compiled(config))
    assert {path: (os.major(step.n1), os.minor(step.n1)) for path, step in nodes.items()} == {
        "/dev/null": (1, 3),
        "/dev/zero": (1, 5),
        "/dev/full": (1, 7),
        "/dev/random": (1, 8),
        "/dev/urandom": (1, 9),
        "/dev/tty": (5, 0),
    }
    assert all(step.n0 == stat.S_IFCHR | 0o666 for step in nodes.values())


def test_a_configured_device_wins_over_a_default(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["linux"]["devices"] = [
        {"path": "/dev/null", "type": "c", "major": 1, "minor": 5, "fileMode": 0o600, "uid": 1, "gid": 2},
        {"path": "/dev/pipe", "type": "p"},
        {"path": "/dev/disk", "type": "b", "major": 8, "minor": 1},
    ]
    nodes = _nodes(compiled(config))
    assert nodes["/dev/null"].n0 == stat.S_IFCHR | 0o600
    assert nodes["/dev/null"].blob == u32_blob(1, 2)
    assert nodes["/dev/null"].field == "linux.devices[0] (/dev/null)"
    assert (nodes["/dev/pipe"].n0, nodes["/dev/pipe"].n1) == (stat.S_IFIFO | 0o666, 0)
    assert stat.S_ISBLK(nodes["/dev/disk"].n0)


def test_links(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    links = {step.s0: step.s1 for step in compiled(config).inner.steps if step.operation == "symlink"}
    assert links["/dev/fd"] == "/proc/self/fd"
    assert links["/dev/ptmx"] == "pts/ptmx"
    assert {"/dev/stdin", "/dev/stdout", "/dev/stderr"} <= set(links)


def test_in_a_user_namespace_devices_are_bound(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 9, "size": 1}]
    plan = compiled(config)
    assert not _nodes(plan)
    assert "/dev/null" in [step.s0 for step in plan.outer.steps if step.operation == "open_tree"]


def test_a_bound_dev_gets_no_nodes(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["mounts"] = [{"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind"]}]
    assert not _nodes(compiled(config))


def _with_user_namespace(config: dict[str, Any]) -> None:
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = MAPPINGS


def test_in_a_user_namespace_every_device_is_opened_outside_and_attached_beneath_the_root(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    _with_user_namespace(config)
    config["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}]
    plan = compiled(config)
    opened = {
        step.s0: step for step in plan.outer.steps if step.operation == "open_tree" and step.n0 == OPEN_TREE_CLONE
    }
    names = ("null", "zero", "full", "random", "urandom", "tty", "fuse")
    assert list(opened) == [f"/dev/{name}" for name in names]
    assert opened["/dev/fuse"].field == "linux.devices[0] (/dev/fuse)"
    for path, source in opened.items():
        steps = [step for step in plan.inner.steps if step.field == source.field]
        targets = [step for step in steps if step.operation == "target" and step.s0 == path]
        assert [(step.n1, step.at) for step in targets] == [(TARGET_FILE, root_slot(plan))]
        moved = [step for step in steps if step.operation == "move_mount" and step.s0 == path]
        assert [step.fd for step in moved] == [source.fd]


def test_a_bound_device_is_closed_once_it_is_attached(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    _with_user_namespace(config)
    plan = compiled(config)
    slots = {step.fd for step in plan.outer.steps if step.operation == "open_tree" and step.n0 == OPEN_TREE_CLONE}
    assert slots <= {step.fd for step in plan.inner.steps if step.operation == "close"}


@pytest.mark.parametrize(
    ("kind", "file_type"), [("c", stat.S_IFCHR), ("u", stat.S_IFCHR), ("b", stat.S_IFBLK), ("p", stat.S_IFIFO)]
)
def test_every_kind_of_node(config: dict[str, Any], compiled: Callable[..., Plan], kind: str, file_type: int) -> None:
    config["linux"]["devices"] = [{"path": "/dev/x", "type": kind, "major": 300, "minor": 1000, "fileMode": 0o1640}]
    node = _nodes(compiled(config))["/dev/x"]
    assert node.n0 == file_type | 0o1640
    assert node.n1 == (0 if kind == "p" else os.makedev(300, 1000))


def test_a_node_of_root_is_not_given_to_anybody(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["linux"]["devices"] = [
        {"path": "/dev/x", "type": "p", "uid": 0, "gid": 0},
        {"path": "/dev/y", "type": "p", "gid": 5},
    ]
    nodes = _nodes(compiled(config))
    assert (nodes["/dev/x"].blob, nodes["/dev/y"].blob) == (b"", u32_blob(0, 5))


def test_a_file_type_in_the_mode_is_not_taken_twice(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["linux"]["devices"] = [
        {"path": "/dev/x", "type": "c", "major": 1, "minor": 1, "fileMode": stat.S_IFCHR | 0o600}
    ]
    assert _nodes(compiled(config))["/dev/x"].n0 == stat.S_IFCHR | 0o600


def test_links_come_after_the_mounts_that_may_cover_dev(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    steps = compiled(config).inner.steps
    mounted = max(index for index, step in enumerate(steps) if step.operation == "move_mount" and "/dev" in step.field)
    made = [index for index, step in enumerate(steps) if step.operation in ("mknod", "symlink") and "dev" in step.field]
    assert mounted < min(made)
