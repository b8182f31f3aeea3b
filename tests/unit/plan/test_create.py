"""Whole plans of `create` and `run`: golden ones, and the rules that all of them keep."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.plan.context import SeccompProgram
from orlop.plan.operation_table import BY_NAME
from orlop.plan.operations import CODE
from orlop.plan.simulator import broken_rules
from orlop.plan.tags import TAG_STATE

from .configurations import HOOKS, MAPPINGS, Case
from .plan_rules import as_wire, decode, empty_slots, rendezvous, root_slot, stray_paths, unknown_arguments

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan
    from orlop.plan.cgroups import CgroupPlacement


_CASES = 400
_MOUNT_CALLS = ("move_mount", "mount_setattr", "open_tree", "fsmount", "mount", "pivot_root")
_compiled: dict[int, Plan] = {}  # by seed: the tests only read them


def _with_user_namespace(config: dict[str, Any]) -> None:
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = MAPPINGS


@pytest.mark.parametrize("mode", ["hybrid", "v1", "v2"])
def test_golden_run(
    config: dict[str, Any], compiled: Callable[..., Plan], matches_golden: Callable[..., None], mode: str
) -> None:
    matches_golden(compiled(config, mode=mode), f"run-{mode}")


def test_golden_create_with_hooks(
    config: dict[str, Any], compiled: Callable[..., Plan], matches_golden: Callable[..., None]
) -> None:
    config["hooks"] = HOOKS
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


@pytest.fixture
def every_plan(compiled: Callable[..., Plan]) -> list[tuple[int, Plan]]:
    """The plans of many configurations, each with the seed that makes it again."""
    return [(seed, _plan_of(seed, compiled)) for seed in range(_CASES)]


def _plan_of(seed: int, compiled: Callable[..., Plan]) -> Plan:
    if seed not in _compiled:
        case = Case(seed)
        _compiled[seed] = compiled(case.config, mode=case.mode, seccomp=case.seccomp, **case.request)
    return _compiled[seed]


def test_the_many_configurations_reach_every_operation_of_create(every_plan: list[tuple[int, Plan]]) -> None:
    reached = {step.operation for _, plan in every_plan for section in plan.sections() for step in section.steps}
    of_other_verbs = {"pidfd_open", "connect_start", "kill", "wait_exit"}
    assert set(CODE) - reached == of_other_verbs


def test_no_configuration_breaks_a_rule_of_the_simulator(every_plan: list[tuple[int, Plan]]) -> None:
    assert [(seed, broken) for seed, plan in every_plan if (broken := broken_rules(plan))] == []


def test_nothing_follows_execve_and_nothing_else_executes(every_plan: list[tuple[int, Plan]]) -> None:
    for seed, plan in every_plan:
        names = [step.operation for step in plan.inner.steps]
        assert names.index("execve") == len(names) - 1, seed
        assert not any(step.operation == "execve" for step in plan.sections()[0].steps + plan.cleanup.steps), seed


def test_once_the_capabilities_are_dropped_only_the_program_is_left(every_plan: list[tuple[int, Plan]]) -> None:
    left = {"chdir", "lookup_program", "signal", "await_start", "hook", "seccomp", "execve"}
    for seed, plan in every_plan:
        names = [step.operation for step in plan.inner.steps]
        assert names.count("capabilities") == 1, seed
        assert set(names[names.index("capabilities") + 1 :]) <= left, seed


def test_the_user_is_changed_once_everything_is_mounted(every_plan: list[tuple[int, Plan]]) -> None:
    for seed, plan in every_plan:
        names = [step.operation for step in plan.inner.steps]
        changed = max(index for index, name in enumerate(names) if name == "identity")
        assert changed < names.index("capabilities"), seed
        assert all(BY_NAME[name].call not in _MOUNT_CALLS for name in names[changed:]), seed


def test_every_path_of_the_container_is_resolved_beneath_its_root_or_a_mount_of_ours(
    every_plan: list[tuple[int, Plan]],
) -> None:
    assert [(seed, stray) for seed, plan in every_plan if (stray := stray_paths(plan, root_slot(plan)))] == []


def test_after_the_change_of_root_no_path_of_the_host_is_opened(every_plan: list[tuple[int, Plan]]) -> None:
    for seed, plan in every_plan:
        names = [step.operation for step in plan.inner.steps]
        changed = next(index for index, name in enumerate(names) if name in ("pivot_root", "chroot"))
        assert not {"open", "open_tree", "write", "mkdir", "listen", "connect"} & set(names[changed:]), seed


def test_every_slot_is_filled_before_its_use(every_plan: list[tuple[int, Plan]]) -> None:
    assert [(seed, empty) for seed, plan in every_plan if (empty := empty_slots(plan))] == []


def test_the_two_processes_never_wait_for_each_other_for_ever(every_plan: list[tuple[int, Plan]]) -> None:
    assert [(seed, stuck) for seed, plan in every_plan if (stuck := rendezvous(plan))] == []


def test_init_meets_the_tags_in_the_order_of_their_numbers(every_plan: list[tuple[int, Plan]]) -> None:
    for seed, plan in every_plan:
        tags = [step.n0 for step in plan.inner.steps if step.operation in ("await", "signal")]
        assert tags == sorted(tags), seed


def test_a_container_goes_on_only_once_its_state_is_on_disk(every_plan: list[tuple[int, Plan]]) -> None:
    for seed, plan in every_plan:
        outer = [(step.operation, step.s0 or step.n0) for step in plan.sections()[0].steps]
        assert outer.index(("write_atomic", "state.json")) < outer.index(("release", TAG_STATE)), seed
        inner = [(step.operation, step.n0) for step in plan.inner.steps]
        drops = [name for name, _ in inner].index("bounding_set")
        assert inner.index(("await", TAG_STATE)) < drops, seed


def test_every_step_has_a_field(every_plan: list[tuple[int, Plan]]) -> None:
    nameless = [
        (seed, step.operation)
        for seed, plan in every_plan
        for section in plan.sections()
        for step in section.steps
        if not step.field
    ]
    assert nameless == []


def test_every_step_uses_the_arguments_of_its_row_only(every_plan: list[tuple[int, Plan]]) -> None:
    for seed, plan in every_plan:
        for section in plan.sections():
            assert unknown_arguments(section.steps) == [], seed


def test_cleanup_kills_first_and_ends_with_the_state_directory(
    every_plan: list[tuple[int, Plan]], placement: Callable[[str], CgroupPlacement]
) -> None:
    for seed, plan in every_plan:
        steps = plan.cleanup.steps
        assert steps[0].operation == "kill_init", seed
        assert (steps[-1].operation, steps[-1].s0) == ("rmdir", "/run/orun/web"), seed
        removed = [step.s0 for step in steps if step.operation == "rmdir"]
        assert removed == [*placement(Case(seed).mode).paths().values(), "/run/orun/web"], seed


def test_without_a_new_pid_namespace_cleanup_kills_the_whole_cgroup(every_plan: list[tuple[int, Plan]]) -> None:
    for seed, plan in every_plan:
        namespaces = Case(seed).config["linux"]["namespaces"]
        is_new = any(one["type"] == "pid" and "path" not in one for one in namespaces)
        assert ("kill_cgroup" in [step.operation for step in plan.cleanup.steps]) is not is_new, seed


def test_an_encoded_plan_decodes_to_its_steps_with_every_string_terminated(every_plan: list[tuple[int, Plan]]) -> None:
    for seed, plan in every_plan:
        decoded = decode(plan.encode())
        assert decoded.flags == 0, seed
        assert decoded.sections == [[as_wire(step) for step in section.steps] for section in plan.sections()], seed


def test_compiling_twice_gives_the_same_bytes(compiled: Callable[..., Plan]) -> None:
    for seed in range(0, _CASES, 10):
        again = Case(seed)
        plan = compiled(again.config, mode=again.mode, seccomp=again.seccomp, **again.request)
        assert plan.encode() == _plan_of(seed, compiled).encode(), seed


def test_compiling_leaves_the_configuration_as_it_was(compiled: Callable[..., Plan]) -> None:
    for seed in range(0, _CASES, 10):
        case = Case(seed)
        before = copy.deepcopy(case.config)
        compiled(case.config, mode=case.mode, seccomp=case.seccomp, **case.request)
        assert case.config == before, seed


def test_without_a_mount_namespace_mounts_are_refused(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "mount"]
    with pytest.raises(InvalidArgument, match=r"mounts: without a mount namespace they would be made on the host"):
        compiled(config)
    config["mounts"] = []
    with pytest.raises(InvalidArgument, match=r"root\.readonly: needs a mount namespace"):
        compiled(config)
    config["root"]["readonly"] = False
    config["hooks"] = {"createRuntime": [{"path": "/h"}]}
    with pytest.raises(InvalidArgument, match=r"hooks: those before the change of root need a mount namespace"):
        compiled(config)
    del config["hooks"]
    with pytest.raises(InvalidArgument, match=r"linux\.maskedPaths: needs a mount namespace"):
        compiled(config)
    config["linux"]["maskedPaths"] = config["linux"]["readonlyPaths"] = []
    assert "chroot" in [step.operation for step in compiled(config).inner.steps]


def test_a_detached_container_is_not_supervised(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    foreground = [step.operation for step in compiled(config).sections()[0].steps]
    assert foreground[-2:] == ["supervise", "cleanup"]
    assert compiled(config, keep=True).sections()[0].steps[-1].operation == "supervise"
    assert compiled(config, is_detached=True).sections()[0].steps[-1].operation == "detach_planner"


def test_every_hook_is_told_the_state_of_its_moment(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["hooks"] = HOOKS
    config["annotations"] = {"a": "b"}
    told: dict[str, dict[str, Any]] = {}
    for section in compiled(config).sections():
        for step in section.steps:
            if step.operation == "hook":
                kind = step.field.removeprefix("hooks.").removesuffix("[0]")
                told[kind] = json.loads((step.s1 or "").replace("\x01", "42"))
    assert {kind: state["status"] for kind, state in told.items()} == {
        "prestart": "creating",
        "createRuntime": "creating",
        "createContainer": "creating",
        "startContainer": "created",
        "poststart": "running",
        "poststop": "stopped",
    }
    assert [kind for kind, state in told.items() if "pid" not in state] == ["poststop"]
    assert all((state["id"], state["bundle"]) == ("web", "/bundle") for state in told.values())
    assert all(state["annotations"] == {"a": "b"} for state in told.values())


def test_hooks_run_on_the_side_and_at_the_moment_that_the_spec_says(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["hooks"] = HOOKS
    plan = compiled(config)
    outer = [step.field if step.operation == "hook" else step.operation for step in plan.sections()[0].steps]
    inner = [step.field if step.operation == "hook" else step.operation for step in plan.inner.steps]
    of_outer = [one for one in outer if one.startswith("hooks")]
    assert of_outer == ["hooks.prestart[0]", "hooks.createRuntime[0]", "hooks.poststart[0]"]
    assert outer.index("hooks.createRuntime[0]") < outer.index("wait_exec") < outer.index("hooks.poststart[0]")
    created, started = inner.index("hooks.createContainer[0]"), inner.index("hooks.startContainer[0]")
    assert inner.index("mknod") < created < inner.index("mask") < inner.index("pivot_root")
    assert inner.index("capabilities") < started < inner.index("execve")


def test_a_created_container_starts_its_hooks_only_at_start(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["hooks"] = HOOKS
    plan = compiled(config, is_run=False)
    inner = [step.operation for step in plan.inner.steps]
    assert inner[inner.index("await_start") :] == ["await_start", "hook", "execve"]
    assert "hooks.poststart[0]" not in [step.field for step in plan.sections()[0].steps]


def test_a_pid_file_is_written_after_all_went_well(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    for is_run, waits in ((True, "wait_exec"), (False, "wait_signal")):
        steps = [(one.operation, one.s0) for one in compiled(config, is_run=is_run, pid_file="/p").after_clone.steps]
        assert steps.index((waits, None)) < steps.index(("write_atomic", "/p"))


@pytest.mark.parametrize(
    ("request_", "flags"), [({}, [1]), ({"console_socket": "/c"}, [0]), ({"is_detached": True}, [])]
)
def test_only_a_terminal_that_comes_to_us_is_relayed(
    config: dict[str, Any], compiled: Callable[..., Plan], request_: dict[str, Any], flags: list[int]
) -> None:
    config["process"]["terminal"] = True
    plan = compiled(config, **request_)
    assert [step.n0 for step in plan.after_clone.steps if step.operation == "supervise"] == flags


def test_a_sysctl_is_written_through_a_procfs_of_our_own_before_the_root_changes(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9"}
    steps = compiled(config).inner.steps
    written = [step for step in steps if step.operation == "sysctl"]
    assert [(step.s0, step.blob) for step in written] == [("net/ipv4/ip_forward", b"1"), ("kernel/msgmax", b"9")]
    assert written[0].field == "linux.sysctl.net.ipv4.ip_forward"
    (procfs,) = {step.fd for step in written}
    assert [step.s0 for step in steps if step.operation == "new_mount" and step.fd == procfs] == ["proc"]
    assert [step.operation for step in steps if step.fd == procfs] == ["new_mount", "sysctl", "sysctl", "close"]
    names = [step.operation for step in steps]
    assert names.index("sysctl") < names.index("pivot_root")


@pytest.mark.parametrize(("path", "opened"), [("rootfs", "/bundle/rootfs"), ("/srv/r", "/srv/r")])
def test_a_relative_root_is_the_bundles(
    config: dict[str, Any], compiled: Callable[..., Plan], path: str, opened: str
) -> None:
    config["root"]["path"] = path
    sources = [step.s0 for step in compiled(config).outer.steps if step.operation == "open_tree"]
    assert sources == [opened]
    assert "clone" in [step.operation for step in compiled(config).outer.steps]


def test_a_failure_is_told_about_the_verb_and_the_container(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    assert compiled(config).subject == 'cannot run container "web"'
    assert compiled(config, is_run=False).subject == 'cannot create container "web"'
