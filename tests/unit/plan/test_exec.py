"""The plan of `exec`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from orlop.linux.flags import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER
from orlop.plan.context import ExecRequest, HostFacts
from orlop.plan.exec import compile_exec
from orlop.plan.namespaces import FLAG_OF_TYPE
from orlop.plan.simulator import broken_rules

from .plan_rules import as_wire, decode, empty_slots, rendezvous, unknown_arguments

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


def test_every_exec_keeps_the_rules_of_all_plans(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    choices = {
        "terminal": (True, False),
        "no_new_privileges": (True, False),
        "user": (True, False),
        "is_detached": (True, False),
        "console_socket": (None, "/c"),
        "cgroup_joins": ({}, {"": "/u"}, {"freezer": "/f", "pids": "/p"}),
    }
    for values in itertools.product(*choices.values()):
        chosen = dict(zip(choices, values, strict=True))
        process = {**config["process"], "terminal": chosen["terminal"], "noNewPrivileges": chosen["no_new_privileges"]}
        namespaces = [{"type": kind} for kind in ("pid", "mount", *(["user"] if chosen["user"] else []))]
        request = {name: chosen[name] for name in ("is_detached", "console_socket", "cgroup_joins")}
        plan = _compile(
            {"linux": {"namespaces": namespaces}, "process": process},
            placement("v1"),
            process=process,
            pidfd_socket="/s",
            **request,
        )
        assert broken_rules(plan) == [], chosen
        assert empty_slots(plan) == [], chosen
        assert rendezvous(plan) == "", chosen
        for section in plan.sections():
            assert all(step.field for step in section.steps), chosen
            assert unknown_arguments(section.steps) == [], chosen
        wire = decode(plan.encode())
        assert wire.sections == [[as_wire(step) for step in section.steps] for section in plan.sections()], chosen


def test_the_cgroups_are_joined_before_the_namespaces(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    names = [step.operation for step in _compile(config, placement("v1")).inner.steps]
    assert names.index("write_slot") < names.index("setns")


def test_every_namespace_of_the_container_is_joined_and_no_other(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    for kind, flag in FLAG_OF_TYPE.items():
        if kind == "pid":
            continue
        config["linux"]["namespaces"] = [{"type": kind, "path": "/at/create"}]
        plan = _compile(config, placement("v1"))
        assert [(step.operation, step.n0) for step in plan.inner.steps if step.operation == "setns"] == [
            ("setns", flag)
        ]
        assert "setns" not in [step.operation for step in plan.outer.steps]
    config["linux"]["namespaces"] = []
    assert "setns" not in [step.operation for step in _compile(config, placement("v1")).inner.steps]


def test_the_clone_goes_into_the_unified_cgroup_and_makes_nothing_new(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    plan = _compile(config, placement("hybrid"))
    (clone,) = [step for step in plan.after_clone.steps if step.operation == "clone"]
    assert clone.n0 == 0
    assert [step.s0 for step in plan.outer.steps if step.operation == "open" and step.fd == clone.fd] == ["/u"]
    without = _compile(config, placement("v1"), cgroup_joins={"pids": "/p"})
    assert [step.fd for step in without.after_clone.steps if step.operation == "clone"] == [-1]


def test_in_a_user_namespace_the_process_is_its_root_before_it_is_its_user(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    config["process"]["user"] = {"uid": 7, "gid": 8}
    config["linux"]["namespaces"].append({"type": "user"})
    steps = [step for step in _compile(config, placement("v1")).inner.steps if step.operation == "identity"]
    assert [(step.n0, step.n1) for step in steps] == [(0, 0), (7, 8)]


def test_no_file_of_the_host_is_opened_inside(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    config["process"]["terminal"] = True
    steps = _compile(config, placement("hybrid"), console_socket="/c").inner.steps
    assert not {"open", "open_tree", "connect", "write", "write_atomic"} & {step.operation for step in steps}
    (console,) = [step for step in steps if step.operation == "console"]
    assert (console.at, console.s0) == (-1, None)


def test_an_apparmor_profile_is_set_while_the_hosts_proc_is_there(
    config: dict[str, Any], placement: Callable[[str], CgroupPlacement]
) -> None:
    config["process"]["apparmorProfile"] = "docker-default"
    names = [step.operation for step in _compile(config, placement("hybrid")).inner.steps]
    assert names.index("write_self_proc") < names.index("setns")
