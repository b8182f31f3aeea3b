"""Whole plans of `create` and `run`: golden ones, and the rules that all of them keep."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.plan.context import SeccompProgram
from orlop.plan.simulator import broken_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan


_HOOKS = {
    kind: [{"path": f"/hooks/{kind}", "args": [kind, "x"], "env": ["A=1"], "timeout": 2}]
    for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
}
_MAPPINGS = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def _with_user_namespace(config: dict[str, Any]) -> None:
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = _MAPPINGS


@pytest.mark.parametrize("mode", ["hybrid", "v1", "v2"])
def test_golden_run(
    config: dict[str, Any], compiled: Callable[..., Plan], matches_golden: Callable[..., None], mode: str
) -> None:
    matches_golden(compiled(config, mode=mode), f"run-{mode}")


def test_golden_create_with_hooks(
    config: dict[str, Any], compiled: Callable[..., Plan], matches_golden: Callable[..., None]
) -> None:
    config["hooks"] = _HOOKS
    matches_golden(compiled(config, is_run=False, is_detached=True, pid_file="/run/pid"), "create-hooks")


def test_golden_user_namespace(
    config: dict[str, Any], compiled: Callable[..., Plan], matches_golden: Callable[..., None]
) -> None:
    _with_user_namespace(config)
    matches_golden(compiled(config), "run-user-namespace")


def test_golden_joined_namespaces(
    config: dict[str, Any], compiled: Callable[..., Plan], matches_golden: Callable[..., None]
) -> None:
    for namespace in config["linux"]["namespaces"]:
        if namespace["type"] in ("pid", "network"):
            namespace["path"] = f"/proc/7/ns/{namespace['type']}"
    matches_golden(compiled(config), "run-joined")


def test_golden_time_namespace(
    config: dict[str, Any], compiled: Callable[..., Plan], matches_golden: Callable[..., None]
) -> None:
    config["linux"]["namespaces"].append({"type": "time"})
    config["linux"]["timeOffsets"] = {"boottime": {"secs": 5, "nanosecs": 6}}
    matches_golden(compiled(config), "run-time-namespace")


def test_golden_terminal_and_seccomp(
    config: dict[str, Any], compiled: Callable[..., Plan], matches_golden: Callable[..., None]
) -> None:
    config["process"]["terminal"] = True
    config["process"]["noNewPrivileges"] = False
    seccomp = SeccompProgram(b"\x06\0\0\0\0\0\xff\x7f", 0)
    plan = compiled(config, is_run=False, is_detached=True, console_socket="/run/console", seccomp=seccomp)
    matches_golden(plan, "create-terminal-seccomp")


def _random_config(base: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """One of many configurations that are valid, whatever their sense."""
    linux, process = base["linux"], base["process"]
    linux["namespaces"] = [
        {"type": kind, **({"path": f"/proc/7/ns/{kind}"} if dice.random() < 0.2 else {})}
        for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup", "time")
        if kind == "mount" or dice.random() < 0.8
    ]
    kinds = {one["type"]: one.get("path") for one in linux["namespaces"]}
    if "uts" not in kinds:
        base.pop("hostname", None)
    if dice.random() < 0.4:
        _with_user_namespace(base)
    if dice.random() < 0.5:
        base["hooks"] = {kind: hooks for kind, hooks in _HOOKS.items() if dice.random() < 0.5}
    process["noNewPrivileges"] = dice.random() < 0.5
    process["terminal"] = dice.random() < 0.3
    base["root"]["readonly"] = dice.random() < 0.5
    linux["rootfsPropagation"] = dice.choice(["", "shared", "rprivate", "slave"])
    if dice.random() < 0.5:
        base["mounts"].append(
            {
                "destination": "/data",
                "type": "bind",
                "source": "/srv",
                "options": dice.choice([["rbind", "ro"], ["bind", "rro"], ["rbind", "rshared"]]),
            }
        )
    if dice.random() < 0.3:
        base["mounts"].append({"destination": "/t", "type": "tmpfs", "options": ["tmpcopyup", "ro"]})
    if dice.random() < 0.3 and kinds.get("network", "x") is None:
        linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    return base


@pytest.mark.parametrize("seed", range(150))
def test_every_plan_keeps_the_rules(config: dict[str, Any], compiled: Callable[..., Plan], seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 (a test's dice, repeatable)
    plan = compiled(
        _random_config(config, dice),
        mode=dice.choice(["v1", "hybrid", "v2"]),
        is_run=dice.random() < 0.5,
        is_detached=dice.random() < 0.5,
        console_socket=dice.choice([None, "/run/console"]),
    )
    assert broken_rules(plan) == []
    assert all(step.field for section in plan.sections() for step in section.steps)
    assert plan.cleanup.steps[-1].operation == "rmdir"
    assert plan.cleanup.steps[-1].s0 == "/run/orun/web"
    assert _deadlock(plan) == ""


def _deadlock(plan: Plan) -> str:
    """Run the waits of both sections as two processes that send each other tags; "" when both come to their ends."""
    waits = {"outer": "wait_signal", "inner": "await"}
    sends = {"outer": "release", "inner": "signal"}
    steps = {"outer": plan.sections()[0].steps, "inner": plan.inner.steps}
    at = {"outer": 0, "inner": 0}
    sent: dict[str, list[int]] = {"outer": [], "inner": []}
    moved = True
    while moved:
        moved = False
        for side, other in (("outer", "inner"), ("inner", "outer")):
            while at[side] < len(steps[side]):
                step = steps[side][at[side]]
                if step.operation == waits[side] and step.n0 not in sent[other]:
                    break
                if step.operation == sends[side]:
                    sent[side].append(step.n0)
                at[side] += 1
                moved = True
    stuck = [f"{side} at {at[side]}: {steps[side][at[side]].operation}" for side in at if at[side] < len(steps[side])]
    return ", ".join(stuck)


def test_every_path_of_the_container_is_resolved_beneath_a_slot(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    for step in compiled(config).inner.steps:
        if step.operation in ("target", "mask", "readonly", "mknod", "symlink"):
            assert step.at >= 0, f"{step.operation} {step.s0}"


def test_without_a_mount_namespace_mounts_are_refused(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "mount"]
    with pytest.raises(InvalidArgument, match=r"mounts: without a mount namespace they would be made on the host"):
        compiled(config)
    config["mounts"] = []
    with pytest.raises(InvalidArgument, match=r"linux\.maskedPaths: needs a mount namespace"):
        compiled(config)
    config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    assert "chroot" in [step.operation for step in compiled(config).inner.steps]


def test_a_detached_container_is_not_supervised(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    foreground = [step.operation for step in compiled(config).sections()[0].steps]
    assert foreground[-2:] == ["supervise", "cleanup"]
    assert compiled(config, keep=True).sections()[0].steps[-1].operation == "supervise"
    assert compiled(config, is_detached=True).sections()[0].steps[-1].operation == "detach_planner"
