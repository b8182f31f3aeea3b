"""The plan of `exec`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.linux.flags import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER
from orlop.plan.context import ExecRequest, HostFacts
from orlop.plan.exec import compile_exec
from orlop.plan.simulator import broken_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan
    from orlop.plan.cgroups import CgroupPlacement


def _compile(config: dict[str, Any], placement: CgroupPlacement, **changes: Any) -> Plan:
    request = {
        "process": config["process"],
        "init_pid": 7,
        "init_start_time": 99,
        "cgroup_joins": {"pids": "/p", "": "/u"},
        "is_detached": False,
        "pid_file": None,
        "console_socket": None,
        "pidfd_socket": None,
        "preserve_fds": 0,
        "keyring_name": "_ses.web",
        "subreaper": True,
        **changes,
    }
    facts = HostFacts(cgroups=placement, capability_mask=(1 << 41) - 1)
    return compile_exec("web", config, facts, ExecRequest(**request))


def test_golden_exec(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement], matches_golden: Callable[..., None]
) -> None:
    plan = _compile(config, placement("hybrid"), pid_file="/run/pid")
    matches_golden(plan, "exec")
    assert broken_rules(plan) == []


def test_the_pid_namespace_is_joined_outside_and_the_others_at_once(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    config["linux"]["namespaces"].append({"type": "user"})
    plan = _compile(config, placement("v1"))
    assert [step.n0 for step in plan.outer.steps if step.operation == "setns"] == [CLONE_NEWPID]
    (joined,) = [step.n0 for step in plan.inner.steps if step.operation == "setns"]
    assert joined & CLONE_NEWNS
    assert joined & CLONE_NEWUSER
    assert not joined & CLONE_NEWPID


def test_init_is_named_by_pid_and_start_time(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    (opened,) = [step for step in _compile(config, placement("v1")).outer.steps if step.operation == "pidfd_open"]
    assert (opened.n0, opened.n1) == (7, 99)


def test_a_detached_process_is_not_waited_for(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    names = [step.operation for step in _compile(config, placement("v1"), is_detached=True).sections()[0].steps]
    assert "supervise" not in names
    assert "subreaper" not in names


def test_a_failed_exec_leaves_no_process_and_no_pid_file(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    plan = _compile(config, placement("v1"), pid_file="/run/pid")
    assert [step.operation for step in plan.cleanup.steps] == ["kill_init"]
    names = [step.operation for step in plan.after_clone.steps]
    assert names.index("wait_exec") < names.index("write_atomic")
