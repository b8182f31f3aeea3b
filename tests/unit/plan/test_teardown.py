"""The end of every container."""

from __future__ import annotations

from orlop.plan.builder import Plan
from orlop.plan.create import START_SOCKET, STATE_FILE
from orlop.plan.teardown import STATE_FILES, remove_state


def test_the_state_goes_last_so_that_delete_finds_the_container_until_then() -> None:
    plan = Plan("x")
    remove_state(plan, "/run/orun/web")
    assert [(step.operation, step.s0) for step in plan.cleanup.steps] == [
        ("unlink", "/run/orun/web/start.sock"),
        ("unlink", "/run/orun/web/config.json"),
        ("unlink", "/run/orun/web/state.json"),
        ("rmdir", "/run/orun/web"),
    ]


def test_every_file_of_a_state_directory_is_removed() -> None:
    assert {START_SOCKET, STATE_FILE} < set(STATE_FILES)
