"""Device nodes, bound devices, and links."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from orlop.plan.builder import u32_blob

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
