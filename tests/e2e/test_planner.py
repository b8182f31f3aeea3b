"""The resident planner among its callers: whom it serves, what its end costs them, and that it does not grow."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from .hook_log import add_hook
from .marks import cold_only, orun_only
from .pause_point import PausePoint
from .resident_planner import ResidentPlanner
from .waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .container import Container
    from .runtime import Runtime

# These have a planner of their own, so one pass is enough.
pytestmark = [orun_only("no other runtime has a planner"), cold_only("each test starts its own")]

_MANY = 100
_REQUESTS = 10_000
_CALLERS = 4


@pytest.fixture
def resident(program: Path, directory: Path, runtime: Runtime) -> Iterator[ResidentPlanner]:
    """A planner that the runtime's calls find."""
    with ResidentPlanner(program, directory / "planner.sock") as planner:
        runtime.planner = str(planner.socket)
        yield planner


def _in(namespace: list[str], container: Container, *words: str) -> subprocess.CompletedProcess[str]:
    """A call from other namespaces."""
    command = [*namespace, *container.runtime.command, *words]
    environment = container.runtime.environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE_S)


def test_a_call_is_answered_without_a_planner_of_its_own(container: Container, resident: ResidentPlanner) -> None:
    container.run("sh", "-c", "exit 3")
    assert resident.accepted() == 1


_SEARCHES = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")


@pytest.mark.parametrize(
    "namespace",
    [
        ["unshare", "--mount"],
        ["unshare", "--cgroup"],
        ["unshare", "--user", "--map-root-user"],
        ["unshare", "--pid", "--fork", "--mount-proc"],
        ["setpriv", "--bounding-set", "-sys_module", "--inh-caps", "-all"],
        # The capability, so that it finds the program below a private home too.
        ["setpriv", "--reuid", "65534", "--clear-groups", *_SEARCHES],
    ],
    ids=["mount", "cgroup", "user", "pid", "capabilities", "uid"],
)
def test_callers_that_are_not_its_equals_start_their_own(
    container: Container, resident: ResidentPlanner, namespace: list[str]
) -> None:
    os.chmod(resident.socket, 0o666)  # noqa: PTH101 (so that everybody gets as far as the check)
    outcome = _in(namespace, container, "list", "-q")
    assert outcome.stderr == ""
    assert outcome.returncode == 0
    assert resident.accepted() == 0


def test_another_root_directory_is_refused(resident: ResidentPlanner, directory: Path, program: Path) -> None:
    """A path means something else there. That root has no Python either, so the caller cannot go on, and says so."""
    root = directory / "chroot"
    for path in ("bin", "run"):
        (root / path).mkdir(parents=True)
    (root / "bin/orun").write_bytes(program.read_bytes())
    (root / "bin/orun").chmod(0o755)
    os.link(resident.socket, root / "run/planner.sock")
    environment = {"ORUN_PLANNER": "/run/planner.sock"}
    outcome = subprocess.run(
        ["/usr/sbin/chroot", root, "/bin/orun", "list"],
        env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE_S,
    )  # fmt: skip
    assert outcome.returncode == 1
    assert resident.accepted() == 0


def test_without_a_planner_at_the_socket_calls_go_on(runtime: Runtime, directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(directory / "dead.sock"))
    for path in (directory / "dead.sock", directory / "none.sock"):
        runtime.planner = str(path)
        runtime.call("list").check()


def test_a_planner_that_ends_before_it_accepts_costs_nothing(container: Container, resident: ResidentPlanner) -> None:
    os.kill(resident.pid, signal.SIGSTOP)
    call = container.runtime.begin("create", "--bundle", container.bundle.write(), container.id)
    wait_until(lambda: call.process.poll() is None, "its start")
    resident.kill()
    call.wait().check()
    assert container.status == "created"


def test_a_planner_that_is_stopped_is_not_waited_for(container: Container, resident: ResidentPlanner) -> None:
    os.kill(resident.pid, signal.SIGSTOP)
    container.runtime.call("list").check()
    os.kill(resident.pid, signal.SIGCONT)
    wait_until(lambda: resident.accepted() == 0, "the planner's next words")


def test_the_death_of_the_planner_in_a_request_is_one_line(container: Container, resident: ResidentPlanner) -> None:
    container.create("true").check()
    container.kill("KILL").check()
    lock = os.open(container.runtime.root / container.id, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    accepted = resident.accepted()
    call = container.runtime.begin("delete", "--force", container.id)
    wait_until(lambda: resident.accepted() > accepted, "the request")
    resident.kill()
    outcome = call.wait()
    assert outcome.code == 1
    assert outcome.err == "orun: the resident planner ended before it answered; try again, and see its messages\n"
    os.close(lock)
    container.delete("--force").check()


def test_the_death_of_the_planner_before_the_plan_leaves_nothing(
    container: Container, resident: ResidentPlanner, directory: Path
) -> None:
    """The id is claimed by the plan itself: without one there is nothing."""
    container.create("sleep", "100").check()
    container.start().check()
    fifo = directory / "process.json"
    os.mkfifo(fifo)
    accepted = resident.accepted()
    call = container.runtime.begin("exec", "--process", fifo, container.id)
    wait_until(lambda: resident.accepted() > accepted, "the request")
    resident.kill()
    assert call.wait().code == 255
    assert container.status == "running"
    container.delete("--force").check()


def test_the_death_of_the_planner_after_the_plan_changes_nothing(
    container: Container, resident: ResidentPlanner, directory: Path
) -> None:
    pause = PausePoint(container, directory, "createRuntime")
    call = container.runtime.begin("create", "--bundle", container.bundle.write(), container.id)
    pause.wait()
    resident.kill()
    pause.close()
    call.wait().check()
    assert container.status == "created"


def test_a_hook_that_lasts_does_not_hold_up_others(
    new_container: Callable[[], Container], resident: ResidentPlanner, directory: Path
) -> None:
    slow, other = new_container(), new_container()
    pause = PausePoint(slow, directory, "createRuntime")
    call = slow.runtime.begin("create", "--bundle", slow.bundle.write(), slow.id)
    pause.wait()
    for _ in range(20):
        other.run("true")
    pause.close()
    call.wait().check()
    assert resident.accepted() >= 21


def test_a_hundred_at_once(new_container: Callable[[], Container], resident: ResidentPlanner) -> None:
    containers = [new_container() for _ in range(_MANY)]
    bundle = containers[0]
    bundle.config["process"]["args"] = ["sh", "-c", "exit 7"]
    path = bundle.bundle.write()
    calls = [one.runtime.begin("run", "--bundle", path, one.id) for one in containers]
    outcomes = [call.wait() for call in calls]
    assert {outcome.code for outcome in outcomes} == {7}
    assert {outcome.err for outcome in outcomes} == {""}
    assert resident.accepted() == _MANY


def test_memory_is_stable_over_ten_thousand_requests(container: Container, resident: ResidentPlanner) -> None:
    """Of a real container's, answered and refused ones, by several callers at once."""
    container.create("true").check()

    def ask(count: int) -> None:
        def work() -> None:
            for number in range(count // _CALLERS):
                identifier = container.id if number % 10 else "none"
                subprocess.run(
                    [*container.runtime.command, "state", identifier],
                    env=container.runtime.environment, capture_output=True, check=False, timeout=DEADLINE_S,
                )  # fmt: skip

        threads = [threading.Thread(target=work) for _ in range(_CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ask(_REQUESTS // 10)
    before, fds = resident.resident_kib(), resident.fds()
    ask(_REQUESTS - _REQUESTS // 10)
    assert resident.accepted() >= _REQUESTS
    wait_until(lambda: resident.fds() <= fds, "the fds of the last requests")
    assert resident.resident_kib() < before + 1024
    container.delete("--force").check()


def test_a_service_manager_may_hold_the_socket(container: Container, directory: Path, program: Path) -> None:
    """Socket activation as systemd does it (sd_listen_fds(3)), and the socket outlives an idle planner."""
    path = directory / "activated.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        container.runtime.planner = str(path)
        for _ in range(2):
            start = f"LISTEN_FDS=1 LISTEN_PID=$$ exec {program} planner --idle-exit 1 3<&{listener.fileno()}"
            with subprocess.Popen(
                ["/bin/bash", "-c", start], pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True
            ) as planner:
                assert json.loads(container.runtime.call("list", "-f", "json").check().out or "null") in (None, [])
                _, messages = planner.communicate(timeout=DEADLINE_S)
            assert (planner.returncode, messages) == (0, "orun: planner: serving on the socket that was passed\n")


def test_a_hook_is_a_child_of_the_caller(container: Container, resident: ResidentPlanner, directory: Path) -> None:
    add_hook(container, "createRuntime", f"echo $PPID > {directory}/parent")
    call = container.runtime.begin("create", "--bundle", container.bundle.write(), container.id)
    call.wait().check()
    assert int((directory / "parent").read_text()) == call.pid != resident.pid
    container.delete("--force").check()
