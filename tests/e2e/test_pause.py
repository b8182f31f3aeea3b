"""`pause` and `resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .waiting import is_alive, wait_until

if TYPE_CHECKING:
    from .container import Container

_COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"


def test_a_paused_container_does_not_run(container: Container) -> None:
    started = container.run_detached("sh", "-c", _COUNT)
    wait_until(lambda: bool(started.out_path.read_text()), "the first number")
    container.runtime.call("pause", container.id).check()
    assert container.status == "paused"
    size = started.out_path.stat().st_size
    assert container.runtime.list()[0]["status"] == "paused"
    assert started.out_path.stat().st_size == size
    container.runtime.call("resume", container.id).check()
    assert container.status == "running"
    wait_until(lambda: started.out_path.stat().st_size > size, "the next number")


def test_a_created_container_can_be_paused_and_starts_once_it_is_resumed(container: Container) -> None:
    container.create("echo", "ran").check()
    container.runtime.call("pause", container.id).check()
    assert container.status == "paused"
    assert container.runtime.list()[0]["status"] == "paused"
    refused = container.start().refused()
    assert "paused" in refused.err
    container.delete().refused()
    container.runtime.call("resume", container.id).check()
    assert container.status == "created"
    container.start().check()
    container.wait_status("stopped")


def test_a_created_container_that_is_paused_can_be_ended(container: Container) -> None:
    container.create().check()
    pid = container.pid
    container.runtime.call("pause", container.id).check()
    container.kill("KILL").check()
    wait_until(lambda: not is_alive(pid), "the end of init after KILL")


def test_pause_of_a_stopped_container_is_refused(container: Container) -> None:
    container.run_detached()
    container.stop()
    assert container.runtime.call("pause", container.id).code == 1


def test_resume_of_a_running_container_is_refused(container: Container) -> None:
    container.run_detached()
    assert container.runtime.call("resume", container.id).code == 1


def test_delete_refuses_a_paused_container(container: Container) -> None:
    container.run_detached()
    container.runtime.call("pause", container.id).check()
    assert container.delete().code == 1
    assert container.status == "paused"


def test_delete_force_ends_a_paused_container(container: Container) -> None:
    container.run_detached()
    pid = container.pid
    container.runtime.call("pause", container.id).check()
    container.delete("--force").check()
    assert not is_alive(pid)


def test_exec_in_a_paused_container_is_refused(container: Container) -> None:
    container.run_detached()
    container.runtime.call("pause", container.id).check()
    outcome = container.exec("true")
    assert outcome.code != 0
    assert "paused" in outcome.err


def test_exec_ignore_paused_runs_after_resume(container: Container) -> None:
    container.run_detached()
    container.runtime.call("pause", container.id).check()
    call = container.runtime.begin("exec", "--ignore-paused", container.id, "echo", "ran")
    wait_until(lambda: _is_waiting(container, call.pid) or call.has_ended, "exec in the frozen cgroup")
    assert not call.has_ended
    assert call.out() == ""
    container.runtime.call("resume", container.id).check()
    assert call.wait().check().out == "ran\n"


def _is_waiting(container: Container, pid: int) -> bool:
    """Whether exec has put a process into the container's cgroup."""
    return len(container.processes()) > 1 and is_alive(pid)
