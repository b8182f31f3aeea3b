"""What takes a container back: poststop hooks and the state directory. `create`, `run` and `delete` end with it."""

from __future__ import annotations

from orlop.plan.hooks import run_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.builder import Plan

# The files of a state directory, the state itself last: as long as it is there, `delete` finds the container.
STATE_FILES = ("start.sock", "config.json", "state.json")


def run_poststop(plan: Plan, hooks: dict[str, Any], state: str) -> None:
    """The poststop hooks: a failure is a warning, the others run all the same (runtime.md, lifecycle step 13)."""
    run_hooks(plan.cleanup, hooks, "poststop", state, best_effort=True)


def remove_state(plan: Plan, state_directory: str) -> None:
    """Remove the state directory, with which the container ceases to exist."""
    cleanup = plan.cleanup
    cleanup.about("state directory")
    for name in STATE_FILES:
        cleanup.add("unlink", s0=f"{state_directory}/{name}")
    cleanup.add("rmdir", s0=state_directory)
