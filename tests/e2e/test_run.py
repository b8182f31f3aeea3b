"""`run`: exit codes, the background, the pid file, --keep, signals."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from .config import remove_namespace
from .leftovers import cgroups_of
from .orphans import reap
from .waiting import is_alive, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_run_exits_with_the_code_of_the_program(container: Container, code: int) -> None:
    assert container.run_sh(f"exit {code}").code == code


@pytest.mark.parametrize(("name", "code"), [("KILL", 137), ("TERM", 143), ("HUP", 129)])
def test_run_exits_with_128_and_the_signal(container: Container, name: str, code: int) -> None:
    remove_namespace(container.config, "pid")
    assert container.run_sh(f"kill -{name} $$").code == code


def test_a_missing_program_is_named(container: Container) -> None:
    outcome = container.run("no-such-program")
    assert outcome.code == 1
    assert "no-such-program" in outcome.err
    assert not container.exists()


def test_a_program_that_may_not_be_executed_is_named(container: Container) -> None:
    (container.rootfs / "data").write_text("x")
    outcome = container.run("/data")
    assert outcome.code == 1
    assert "/data" in outcome.err


def test_run_passes_stdin_and_both_outputs(container: Container) -> None:
    outcome = container.run_sh("read line; echo out $line; echo err $line >&2", input="hello\n").check()
    assert outcome.out == "out hello\n"
    assert outcome.err == "err hello\n"


def test_a_megabyte_goes_through(container: Container) -> None:
    outcome = container.run_sh("dd if=/dev/zero bs=1024 count=1024 2>/dev/null").check()
    assert outcome.out_path.stat().st_size == 1 << 20


def test_run_leaves_nothing(container: Container) -> None:
    container.run("true").check()
    assert not container.exists()
    assert cgroups_of(container.id) == []


def test_run_keep_leaves_a_stopped_container(container: Container) -> None:
    container.run("true", flags=("--keep",)).check()
    assert container.status == "stopped"
    container.delete().check()


def test_run_accepts_rm(container: Container) -> None:
    container.run("true", flags=("--rm",)).check()


def test_detach_returns_while_the_program_runs(container: Container) -> None:
    container.run_detached()
    assert container.status == "running"


def test_detach_leaves_init_to_the_caller(container: Container) -> None:
    started = container.run_detached("sh", "-c", "trap 'exit 6' TERM; echo ready; while :; do sleep 0.05; done")
    pid = container.pid
    wait_until(lambda: "ready" in started.out_path.read_text(), "the trap")
    container.kill("TERM").check()
    assert reap(pid) == 6


def test_the_short_flag_detaches(container: Container) -> None:
    container.config["process"]["args"] = ["sleep", "10000"]
    container.runtime.call("run", "-d", "-b", container.bundle.write(), container.id).check()
    assert container.status == "running"


def test_detach_with_a_missing_program_fails(container: Container) -> None:
    outcome = container.run("no-such-program", flags=("--detach",))
    assert outcome.code == 1
    assert "no-such-program" in outcome.err
    assert not container.exists()


@pytest.mark.parametrize("verb", ["run", "create"])
def test_the_pid_file_holds_the_pid_and_nothing_else(container: Container, directory: Path, verb: str) -> None:
    pid_file = directory / "pid"
    if verb == "run":
        container.run_detached(flags=("--pid-file", str(pid_file)))
    else:
        container.create(flags=("--pid-file", str(pid_file))).check()
    assert pid_file.read_text() == str(container.pid)


def test_the_pid_file_of_a_foreground_run_is_there_while_it_runs(container: Container, directory: Path) -> None:
    pid_file = directory / "pid"
    call = container.begin_run("sleep", "10000", flags=("--pid-file", str(pid_file)))
    wait_until(lambda: pid_file.exists() and pid_file.read_text() != "", "the pid file")
    pid = int(pid_file.read_text())
    assert is_alive(pid)
    container.kill("KILL").check()
    assert call.wait().code == 137


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_foreground_run_forwards_signals(container: Container, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    call = container.begin_run(
        "sh", "-c", f"trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done"
    )
    wait_until(lambda: "ready" in call.out(), "the trap of the program")
    call.signal(number)
    outcome = call.wait()
    assert outcome.code == 9
    assert f"got {name}" in outcome.out


def test_a_run_whose_program_is_killed_ends(container: Container) -> None:
    call = container.begin_run("sh", "-c", "echo ready; exec sleep 10000")
    wait_until(lambda: "ready" in call.out(), "the program")
    container.kill("KILL").check()
    assert call.wait().code == 137
    assert not container.exists()


def test_delete_force_of_a_foreground_run_ends_it(container: Container) -> None:
    call = container.begin_run("sh", "-c", "echo ready; exec sleep 10000")
    wait_until(lambda: "ready" in call.out(), "the program")
    container.delete("--force").check()
    call.wait()
    assert not container.exists()


def test_an_orphan_without_a_pid_namespace_does_not_hang_run(container: Container) -> None:
    remove_namespace(container.config, "pid")
    assert container.run_sh("sleep 10000 & exit 4").code == 4
