"""The short plans of `start` and `delete`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orlop.plan.operations import BEST_EFFORT
from orlop.plan.start import compile_destroy, compile_start

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
