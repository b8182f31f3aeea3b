"""Several calls at once: on one id, and on many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .container import SLEEP
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container import Container
    from .runtime import Call

_ROUNDS = 5
_MANY = 8


def test_of_two_creates_of_one_id_exactly_one_wins(container: Container) -> None:
    container.config["process"]["args"] = list(SLEEP)
    words = ("create", "--bundle", str(container.bundle.write()), container.id)  # once: the calls read it
    for _ in range(_ROUNDS):
        outcomes = [call.wait() for call in [container.runtime.begin(*words) for _ in range(2)]]
        (loser,) = [outcome for outcome in outcomes if outcome.code]
        assert "exist" in loser.refused().err
        assert container.status == "created"
        container.start().check()
        assert container.status == "running"
        container.delete("--force").check()


def test_of_two_runs_of_one_id_exactly_one_wins(container: Container) -> None:
    container.config["process"]["args"] = list(SLEEP)
    words = ("run", "--detach", "--bundle", str(container.bundle.write()), container.id)
    outcomes = [call.wait() for call in [container.runtime.begin(*words) for _ in range(2)]]
    assert sorted(outcome.code for outcome in outcomes) == [0, 1]
    assert container.status == "running"


def test_many_creates_at_once(new_container: Callable[[], Container]) -> None:
    containers = [new_container() for _ in range(_MANY)]
    for call in [one.begin_create(*SLEEP) for one in containers]:
        call.wait().check()
    assert {one["status"] for one in containers[0].runtime.list()} == {"created"}
    for call in [one.runtime.begin("start", one.id) for one in containers]:
        call.wait().check()
    assert sorted(one["id"] for one in containers[0].runtime.list()) == sorted(one.id for one in containers)
    assert {one["status"] for one in containers[0].runtime.list()} == {"running"}
    for call in [one.runtime.begin("delete", "--force", one.id) for one in containers]:
        call.wait().check()
    assert containers[0].runtime.list() == []


def test_of_two_starts_one_wins_at_most(container: Container) -> None:
    container.create(*SLEEP).check()
    outcomes = [call.wait() for call in [container.runtime.begin("start", container.id) for _ in range(2)]]
    assert sorted(outcome.code for outcome in outcomes) == [0, 1]
    assert container.status == "running"


def test_two_deletes_at_once_leave_nothing(container: Container) -> None:
    for _ in range(_ROUNDS):
        container.run_detached()
        for call in [container.runtime.begin("delete", "--force", container.id) for _ in range(2)]:
            call.wait()
        wait_until(lambda: not container.exists(), "the end of the container")


def test_kill_and_delete_at_once(container: Container) -> None:
    for _ in range(_ROUNDS):
        container.run_detached()
        kill = container.runtime.begin("kill", container.id, "KILL")
        delete = container.runtime.begin("delete", "--force", container.id)
        kill.wait()
        delete.wait().check()
        assert not container.exists()


def _wait_for_claim(container: Container, create: Call) -> None:
    wait_until(lambda: container.state_directory.exists() or create.process.poll() is not None, "the state directory")


def test_delete_while_create_is_at_work(container: Container) -> None:
    for _ in range(_ROUNDS):
        create = container.begin_create(*SLEEP)
        _wait_for_claim(container, create)
        delete = container.runtime.begin("delete", "--force", container.id)
        create.wait()
        delete.wait()
        container.delete("--force").check()
        assert not container.exists()


def test_state_while_create_is_at_work_is_a_document_or_not_found(container: Container) -> None:
    for _ in range(_ROUNDS):
        create = container.begin_create(*SLEEP)
        while create.process.poll() is None:
            outcome = container.runtime.call("state", container.id)
            assert outcome.code == 0 or outcome.says_unknown, outcome
        create.wait().check()
        container.delete("--force").check()


def test_execs_at_once(container: Container) -> None:
    container.run_detached()
    calls = [container.runtime.begin("exec", container.id, "sh", "-c", f"exit {number}") for number in range(_MANY)]
    assert [call.wait().code for call in calls] == list(range(_MANY))


def test_exec_while_the_container_ends(container: Container) -> None:
    for _ in range(_ROUNDS):
        container.run_detached()
        call = container.runtime.begin("exec", container.id, *SLEEP)
        container.stop()
        assert call.wait().code != 0
        container.delete("--force").check()
