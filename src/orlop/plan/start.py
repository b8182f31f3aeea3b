"""The short plans: `start` lets a created container go, `destroy` takes a stopped one back."""

from __future__ import annotations

from errno import ECONNREFUSED, ENOENT
from posix import O_DIRECTORY

from orlop.linux.flags import O_PATH
from orlop.plan.builder import Plan
from orlop.plan.cgroups import remove_cgroup
from orlop.plan.create import START_SOCKET
from orlop.plan.hooks import hook_state, run_hooks
from orlop.plan.teardown import remove_state, run_poststop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def compile_start(container_id: str, config: dict[str, Any], bundle: str, state_directory: str, pid: int) -> Plan:
    """The plan of `start`: release init, wait until the program is executed, run the poststart hooks."""
    plan = Plan(f'cannot start container "{container_id}"')
    outer = plan.outer
    slot = plan.slot()
    outer.about("state directory")
    outer.add("open", fd=slot, s0=state_directory, n0=O_PATH | O_DIRECTORY)
    outer.about("start", {ENOENT: "it was started already", ECONNREFUSED: "it was started already"})
    outer.add("connect_start", at=slot, s0=START_SOCKET)
    outer.about("state directory")
    outer.add("unlink", at=slot, s0=START_SOCKET)
    state = hook_state(config["ociVersion"], container_id, "running", bundle, config.get("annotations") or {})
    run_hooks(outer, config.get("hooks") or {}, "poststart", state.replace("\x01", str(pid)))
    return plan


def compile_destroy(
    container_id: str,
    config: dict[str, Any],
    bundle: str,
    state_directory: str,
    cgroup_paths: Sequence[str],
    *,
    keep_executor: bool = False,
) -> Plan:
    """The plan of `delete`: end what is left in the cgroup, remove it, run the poststop hooks, forget the state.

    It is the same cleanup that ends a foreground `run`, as the only section of a plan.
    """
    plan = Plan(f'cannot delete container "{container_id}"')
    plan.keep_executor = keep_executor
    plan.outer.about("process")
    plan.outer.add("cleanup")
    remove_cgroup(plan, cgroup_paths, kill_processes=True)
    state = hook_state(config.get("ociVersion", ""), container_id, "stopped", bundle, config.get("annotations") or {})
    run_poststop(plan, config.get("hooks") or {}, state)
    remove_state(plan, state_directory)
    return plan
