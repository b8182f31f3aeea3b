"""The process's own steps: order, identity, capabilities, environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.plan.builder import counts, strings_blob, u32_blob, u64_blob
from orlop.plan.context import SeccompProgram

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.plan.builder import Plan

_SECCOMP = SeccompProgram(b"12345678", 2)
_KILL = 1 << 5


def _names(plan: Plan) -> list[str]:
    return [step.operation for step in plan.inner.steps]


def _last(plan: Plan, operation: str) -> Any:
    return [step for step in plan.inner.steps if step.operation == operation][-1]


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_filter_comes_last_unless_it_needs_privilege(
    config: dict[str, Any], compiled: Callable[..., Plan], *, no_new_privileges: bool
) -> None:
    config["process"]["noNewPrivileges"] = no_new_privileges
    names = _names(compiled(config, seccomp=_SECCOMP))
    if no_new_privileges:
        assert names[-2:] == ["seccomp", "execve"]
        assert names.index("no_new_privs") < names.index("seccomp")
    else:
        assert "no_new_privs" not in names
        assert names.index("seccomp") < names.index("bounding_set") < names.index("capabilities")


def test_fds_are_closed_before_the_filter_and_the_user(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["noNewPrivileges"] = False
    plan = compiled(config, seccomp=_SECCOMP, preserve_fds=2)
    names = _names(plan)
    assert names.index("close_range") < names.index("seccomp")
    assert _last(plan, "close_range").n0 == 5


def test_identity_is_what_the_user_says(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["user"] = {"uid": 7, "gid": 8, "additionalGids": [9, 10], "umask": 0o77}
    plan = compiled(config)
    step = _last(plan, "identity")
    assert (step.n0, step.n1, step.blob) == (7, 8, u32_blob(9, 10))
    assert _last(plan, "umask").n0 == 0o77


def test_threat_f_no_capability_is_added_to_what_is_asked(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["capabilities"] = {"permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}
    plan = compiled(config)
    assert _last(plan, "capabilities").blob == u64_blob(0, _KILL, 0, 0)
    assert _last(plan, "bounding_set").n0 == _KILL
    del config["process"]["capabilities"]
    assert _last(compiled(config), "capabilities").blob == u64_blob(0, 0, 0, 0)


def test_an_ambient_capability_that_the_kernel_would_refuse_is_a_warning(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["capabilities"] = {"permitted": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
    plan = compiled(config)
    assert _last(plan, "capabilities").blob == u64_blob(0, _KILL, 0, 0)
    assert plan.warnings == ["process.capabilities.ambient: cannot be granted: CAP_KILL"]


def test_home_is_the_users_unless_it_is_set(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["env"] = ["A=1", "HOME="]
    execve = _last(compiled(config), "execve")
    assert execve.blob == strings_blob(["true"], ["A=1", "HOME=/root"])
    assert execve.n0 == counts(["true"], ["A=1", "HOME=/root"])
    config["process"]["env"] = ["HOME=/mine"]
    assert _last(compiled(config), "execve").blob == strings_blob(["true"], ["HOME=/mine"])


def test_the_program_is_looked_up_in_the_containers_own_path(
    config: dict[str, Any], compiled: Callable[..., Plan]
) -> None:
    config["process"]["env"] = ["PATH=/first", "PATH=/last"]
    step = _last(compiled(config), "lookup_program")
    assert (step.s0, step.s1) == ("true", "/last")
    config["process"]["env"] = []
    assert _last(compiled(config), "lookup_program").s1 is None


def test_limits(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 1, "hard": 2}]
    step = _last(compiled(config), "rlimit")
    assert (step.n0, step.blob, step.field) == (4, u64_blob(1, 2), "process.rlimits[0] (RLIMIT_CORE)")


def test_the_oom_score_is_written_from_outside(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["oomScoreAdj"] = 0
    (step,) = [one for one in compiled(config).after_clone.steps if one.operation == "write_init_proc"]
    assert (step.s0, step.blob) == ("oom_score_adj", b"0")


def test_a_terminal_takes_the_place_of_stdio(config: dict[str, Any], compiled: Callable[..., Plan]) -> None:
    config["process"]["terminal"] = True
    config["process"]["consoleSize"] = {"height": 24, "width": 80}
    plan = compiled(config)
    assert "stdio_owner" not in _names(plan)
    assert _last(plan, "console").n0 == 24 | 80 << 16
    assert _last(plan, "console").s0 == "/dev/console"
