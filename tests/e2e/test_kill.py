"""`kill`: names and numbers, --all, and what cannot be killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .config import remove_namespace
from .orphans import reap
from .waiting import wait_for_exit, wait_until

if TYPE_CHECKING:
    from .container import Container

_TRAPS = 'for n in TERM USR1 HUP; do trap "echo $n; exit 7" $n; done; echo ready; while :; do sleep 0.05; done'


@pytest.mark.parametrize("spelling", ["TERM", "SIGTERM", "15", "term"])
def test_a_signal_is_a_name_or_a_number(container: Container, spelling: str) -> None:
    started = container.run_detached("sh", "-c", _TRAPS)
    wait_until(lambda: "ready" in started.out_path.read_text(), "the traps")
    pid = container.pid
    container.kill(spelling).check()
    assert reap(pid) == 7
    assert "TERM" in started.out_path.read_text()


def test_the_default_signal_is_term(container: Container) -> None:
    started = container.run_detached("sh", "-c", _TRAPS)
    wait_until(lambda: "ready" in started.out_path.read_text(), "the traps")
    pid = container.pid
    container.kill().check()
    assert reap(pid) == 7
    assert "TERM" in started.out_path.read_text()


@pytest.mark.parametrize("name", ["USR1", "HUP"])
def test_the_signal_that_was_named_arrives(container: Container, name: str) -> None:
    started = container.run_detached("sh", "-c", _TRAPS)
    wait_until(lambda: "ready" in started.out_path.read_text(), "the traps")
    pid = container.pid
    container.kill(name).check()
    assert reap(pid) == 7
    assert name in started.out_path.read_text()


def test_a_realtime_signal_by_number(container: Container) -> None:
    container.run_detached()
    container.kill("34").check()


@pytest.mark.parametrize("word", ["NOSUCH", "SIGNOSUCH", "-1", "99999"])
def test_an_unknown_signal_is_refused(container: Container, word: str) -> None:
    container.run_detached()
    assert container.runtime.call("kill", container.id, word).code != 0
    assert container.status == "running"


def test_kill_of_a_created_container_ends_it(container: Container) -> None:
    container.create().check()
    pid = container.pid
    container.kill("KILL").check()
    wait_for_exit(pid, "the end of init")
    assert container.status == "stopped"


def test_kill_of_a_stopped_container_is_an_error(container: Container) -> None:
    container.run_detached()
    container.stop()
    outcome = container.kill("TERM")
    assert outcome.code == 1
    assert "not running" in outcome.err or "No such process" in outcome.err


def test_kill_all_reaches_every_process(container: Container) -> None:
    remove_namespace(container.config, "pid")
    started = container.run_detached("sh", "-c", "sleep 10000 & echo $!; exec sleep 10000")
    wait_until(lambda: started.out_path.read_text().endswith("\n"), "the pid of the second process")
    second = int(started.out_path.read_text())
    container.kill("KILL", flags=("--all",)).check()
    wait_for_exit(second, "the end of the second process")


def test_kill_all_of_a_stopped_container_is_no_error(container: Container) -> None:
    container.run_detached()
    container.stop()
    container.kill("KILL", flags=("--all",)).check()


def test_a_paused_container_can_be_killed(container: Container) -> None:
    container.run_detached()
    pid = container.pid
    container.runtime.call("pause", container.id).check()
    container.kill("KILL").check()
    container.runtime.call("resume", container.id)
    wait_for_exit(pid, "the end of init")
