"""SIGKILL to the runtime at each point of create, start, run and delete: the container can still be told and deleted.

The points are hooks that wait; in between there are random moments. The leak check after each test is half of the test.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from .leftovers import cgroups_of, processes_of
from .orphans import collect
from .pause_point import PausePoint
from .process_tree import descendants, kill_hard
from .waiting import wait_at_most, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .container import Container
    from .runtime import Call

CREATE_KINDS = ("prestart", "createRuntime", "createContainer")
_ROUNDS = 20
_LONGEST_S = 0.08
_STATUSES = ("creating", "created", "running", "stopped")


@pytest.fixture
def pause(container: Container, directory: Path) -> Iterator[Callable[[str], PausePoint]]:
    """Makes pause points of the container; they are opened in the end."""
    points: list[PausePoint] = []

    def make(kind: str) -> PausePoint:
        point = PausePoint(container, directory, kind)
        points.append(point)
        return point

    yield make
    for point in points:
        point.close()


def _kill(call: Call, victim: str) -> None:
    """SIGKILL to the process that the caller started, to all below it (planner, init, hook), or to both at once."""
    below = descendants(call.pid)
    victims = {"the caller's": [call.pid], "the others": below, "all": [call.pid, *below]}[victim]
    kill_hard(victims)


def _still_manageable(container: Container) -> None:
    """`state`, `list` and `delete --force` work, and afterwards the id is free."""
    runtime = container.runtime
    state = runtime.call("state", container.id)
    if state.code == 0:
        assert container.status in _STATUSES
        assert container.id in runtime.call("list", "-q").check().lines
    else:
        assert state.says_unknown
    runtime.call("list").check()
    container.delete("--force").check()
    assert not container.exists()
    assert not container.state_directory.exists()


def _nothing_runs(container: Container) -> bool:
    collect()
    return not processes_of(container.runtime.token, container.runtime.directory)


@pytest.mark.parametrize("victim", ["the caller's", "the others", "all"])
@pytest.mark.parametrize("kind", CREATE_KINDS)
def test_create_killed_in_a_hook(
    container: Container, pause: Callable[[str], PausePoint], kind: str, victim: str
) -> None:
    point = pause(kind)
    call = container.begin_create("sleep", "10000")
    point.wait()
    _kill(call, victim)
    point.open()
    call.wait()
    _still_manageable(container)
    wait_until(lambda: _nothing_runs(container), "the end of the container's processes")
    assert cgroups_of(container.id) == []


@pytest.mark.parametrize("kind", CREATE_KINDS)
def test_the_id_can_be_used_again(container: Container, pause: Callable[[str], PausePoint], kind: str) -> None:
    point = pause(kind)
    call = container.begin_create("sleep", "10000")
    point.wait()
    _kill(call, "the caller's")
    point.open()
    call.wait()
    container.delete("--force").check()
    container.config["hooks"] = {}
    container.run("true").check()


@pytest.mark.parametrize("victim", ["the caller's", "the others", "all"])
def test_start_killed_in_a_start_container_hook(
    container: Container, pause: Callable[[str], PausePoint], victim: str
) -> None:
    point = pause("startContainer")
    container.create("sleep", "10000").check()
    call = container.runtime.begin("start", container.id)
    point.wait()
    _kill(call, victim)
    point.open()
    call.wait()
    _still_manageable(container)


@pytest.mark.parametrize("victim", ["the caller's", "all"])
def test_run_killed_in_a_poststart_hook(container: Container, pause: Callable[[str], PausePoint], victim: str) -> None:
    point = pause("poststart")
    call = container.begin_run("sleep", "10000", flags=("--detach",))
    point.wait()
    _kill(call, victim)
    point.open()
    call.wait()
    _still_manageable(container)


@pytest.mark.parametrize("victim", ["the caller's", "all"])
def test_delete_killed_in_a_poststop_hook(
    container: Container, pause: Callable[[str], PausePoint], victim: str
) -> None:
    container.config["process"]["args"] = ["sleep", "10000"]
    point = pause("poststop")
    container.run_detached()
    container.stop()
    call = container.runtime.begin("delete", container.id)
    point.wait()
    _kill(call, victim)
    point.open()
    call.wait()
    _still_manageable(container)


@pytest.mark.parametrize("name", [".config.json", ".state.json", ".state.json.4242"])
def test_a_state_directory_that_was_being_filled_can_be_deleted(container: Container, name: str) -> None:
    """SIGKILL between two steps of create leaves a file under its temporary name, and no state yet."""
    container.state_directory.mkdir(parents=True)
    (container.state_directory / name).write_text("")
    _still_manageable(container)


def test_a_foreground_run_that_is_killed_leaves_a_container_that_can_be_deleted(container: Container) -> None:
    call = container.begin_run("sh", "-c", "echo ready; exec sleep 10000")
    wait_until(lambda: "ready" in call.out(), "the program")
    call.process.kill()
    call.wait()
    assert container.status in ("running", "stopped")
    _still_manageable(container)


def test_an_exec_that_is_killed_does_not_harm_the_container(container: Container) -> None:
    container.run_detached()
    call = container.runtime.begin("exec", container.id, "sh", "-c", "echo ready; exec sleep 10000")
    wait_until(lambda: "ready" in call.out(), "the program")
    call.process.kill()
    call.wait()
    assert container.status == "running"
    container.exec("true").check()
    _still_manageable(container)


def _kill_at_a_random_moment(call: Call, moments: random.Random, victim: str) -> None:
    """Let the call run for a random time, or to its end if that comes first."""
    wait_at_most(call.pid, moments.uniform(0, _LONGEST_S))
    if call.process.poll() is None:
        _kill(call, victim)
    call.wait()


@pytest.mark.parametrize("victim", ["the caller's", "the others", "all"])
def test_create_killed_at_random_moments(container: Container, victim: str) -> None:
    moments = random.Random(f"create {victim}")  # noqa: S311  moments, not secrets
    for _ in range(_ROUNDS):
        _kill_at_a_random_moment(container.begin_create("sleep", "10000"), moments, victim)
        _still_manageable(container)
        assert cgroups_of(container.id) == []


def test_run_killed_at_random_moments(container: Container) -> None:
    moments = random.Random("run")  # noqa: S311  moments, not secrets
    for _ in range(_ROUNDS):
        _kill_at_a_random_moment(container.begin_run("sleep", "10000", flags=("--detach",)), moments, "all")
        _still_manageable(container)
        assert cgroups_of(container.id) == []


def test_start_killed_at_random_moments(container: Container) -> None:
    moments = random.Random("start")  # noqa: S311  moments, not secrets
    for _ in range(_ROUNDS // 2):
        container.create("sleep", "10000").check()
        _kill_at_a_random_moment(container.runtime.begin("start", container.id), moments, "the caller's")
        _still_manageable(container)


@pytest.mark.parametrize("victim", ["the caller's", "the others", "all"])
def test_delete_killed_at_random_moments(container: Container, victim: str) -> None:
    moments = random.Random(f"delete {victim}")  # noqa: S311  moments, not secrets
    for _ in range(_ROUNDS):
        container.run_detached()
        _kill_at_a_random_moment(container.runtime.begin("delete", "--force", container.id), moments, victim)
        _still_manageable(container)
        assert cgroups_of(container.id) == []
