"""The short plans of `start` and `delete`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orlop.plan.operations import BEST_EFFORT
from orlop.plan.start import compile_destroy, compile_start

from .configurations import HOOKS
from .plan_rules import as_wire, decode, empty_slots, rendezvous, unknown_arguments

if TYPE_CHECKING:
    from collections.abc import Callable


def test_golden_start(config: dict[str, Any], matches_golden: Callable[..., None]) -> None:
    config["hooks"] = {"poststart": [{"path": "/h"}]}
    matches_golden(compile_start("web", config, "/bundle", "/run/orun/web", 7), "start")


def test_poststart_hooks_are_told_the_hosts_pid(config: dict[str, Any]) -> None:
    config["hooks"] = {"poststart": [{"path": "/h"}]}
    plan = compile_start("web", config, "/bundle", "/run/orun/web", 7)
    assert json.loads(plan.outer.steps[-1].s1 or "")["pid"] == 7


def test_golden_destroy(config: dict[str, Any], matches_golden: Callable[..., None]) -> None:
    config["hooks"] = {"poststop": [{"path": "/h"}]}
    matches_golden(compile_destroy("web", config, "/bundle", "/run/orun/web", ["/c1", "/c2"]), "destroy")


def test_a_destroy_goes_on_after_a_failed_hook(config: dict[str, Any]) -> None:
    config["hooks"] = {"poststop": [{"path": "/h"}]}
    plan = compile_destroy("web", config, "/bundle", "/run/orun/web", ["/c"])
    assert [step.flags for step in plan.cleanup.steps if step.operation == "hook"] == [BEST_EFFORT]


def test_a_container_whose_create_was_killed_early_can_be_destroyed() -> None:
    plan = compile_destroy("web", {}, "", "/run/orun/web", [])
    assert [step.operation for step in plan.cleanup.steps] == ["unlink", "unlink", "unlink", "rmdir"]


def test_the_executor_is_kept_only_when_asked() -> None:
    assert not compile_destroy("web", {}, "", "/s", []).keep_executor
    assert compile_destroy("web", {}, "", "/s", [], keep_executor=True).keep_executor


def test_start_lets_init_go_before_it_forgets_the_socket_and_runs_hooks(config: dict[str, Any]) -> None:
    config["hooks"] = {"poststart": [{"path": "/a"}, {"path": "/b"}], "poststop": [{"path": "/c"}]}
    plan = compile_start("web", config, "/bundle", "/run/orun/web", 7)
    told = [(step.operation, step.s0) for step in plan.outer.steps]
    assert told == [
        ("open", "/run/orun/web"),
        ("connect_start", "start.sock"),
        ("unlink", "start.sock"),
        ("hook", "/a"),
        ("hook", "/b"),
    ]
    assert plan.inner.steps == plan.cleanup.steps == []
    assert not any(step.flags for step in plan.outer.steps)


def test_the_short_plans_keep_the_rules_of_all_plans(config: dict[str, Any]) -> None:
    config["hooks"] = HOOKS
    for plan in (
        compile_start("web", config, "/bundle", "/run/orun/web", 7),
        compile_destroy("web", config, "/bundle", "/run/orun/web", ["/c1", "/c2"]),
    ):
        assert empty_slots(plan) == []
        assert rendezvous(plan) == ""
        for section in plan.sections():
            assert all(step.field for step in section.steps)
            assert unknown_arguments(section.steps) == []
        wire = decode(plan.encode())
        assert wire.sections == [[as_wire(step) for step in section.steps] for section in plan.sections()]


def test_a_destroy_kills_first_and_forgets_the_state_last(config: dict[str, Any]) -> None:
    config["hooks"] = {"poststop": [{"path": "/h"}]}
    plan = compile_destroy("web", config, "/bundle", "/run/orun/web", ["/c1", "/c2"])
    assert [step.operation for step in plan.outer.steps] == ["cleanup"]
    told = [(step.operation, step.s0) for step in plan.cleanup.steps]
    assert told[:4] == [("kill_cgroup", "/c1"), ("rmdir", "/c1"), ("rmdir", "/c2"), ("hook", "/h")]
    assert told[-1] == ("rmdir", "/run/orun/web")


def test_a_stopped_container_is_told_to_its_hooks_without_a_pid(config: dict[str, Any]) -> None:
    config["hooks"] = {"poststop": [{"path": "/h"}]}
    (hook,) = [
        step for step in compile_destroy("web", config, "/b", "/s", []).cleanup.steps if step.operation == "hook"
    ]
    state = json.loads(hook.s1 or "")
    assert (state["status"], "pid" in state) == ("stopped", False)


def test_failures_are_told_about_the_verb() -> None:
    assert compile_start("web", {"ociVersion": "1.2.0"}, "", "/s", 7).subject == 'cannot start container "web"'
    assert compile_destroy("web", {}, "", "/s", []).subject == 'cannot delete container "web"'
