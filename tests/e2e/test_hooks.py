"""config.json `hooks`: order, state, environment, timeouts, and what a failure does."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from .config import bind
from .hook_log import KINDS, HookLog, add_hook
from .leftovers import cgroups_of
from .marks import orun_only
from .waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container


@pytest.fixture
def log(container: Container, directory: Path) -> HookLog:
    """What the hooks note; the container sees it too, for startContainer."""
    log = HookLog(directory)
    container.config["mounts"].append(bind(str(log.path), str(log.path)))
    return log


@pytest.fixture
def hooked(container: Container, log: HookLog) -> Container:
    """A container with a noting hook of each kind."""
    for kind in KINDS:
        add_hook(container, kind, log.script(kind))
    return container


def test_hooks_run_in_the_order_of_the_specification(container: Container, log: HookLog) -> None:
    for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststop"):
        add_hook(container, kind, log.script(kind))
    container.create().check()
    assert log.names() == ["prestart", "createRuntime", "createContainer"]
    container.start().check()
    wait_until(lambda: "startContainer" in log.names(), "the startContainer hook")
    container.wait_status("stopped")
    container.delete().check()
    assert log.names()[3:] == ["startContainer", "poststop"]


def test_poststart_runs_after_start(container: Container, log: HookLog) -> None:
    add_hook(container, "startContainer", log.script("startContainer"))
    add_hook(container, "poststart", log.script("poststart"))
    container.create("sleep", "10000").check()
    assert log.names() == []
    container.start().check()
    assert log.names() == ["startContainer", "poststart"]
    assert log.entries()[1][1]["status"] == "running"


def test_run_runs_them_all(hooked: Container, log: HookLog) -> None:
    hooked.run("true").check()
    assert sorted(log.names()) == sorted(KINDS)
    assert log.names()[:3] == ["prestart", "createRuntime", "createContainer"]
    assert log.names()[-1] == "poststop"


def test_hooks_of_a_kind_run_in_the_order_given(container: Container, log: HookLog) -> None:
    for name in ("first", "second", "third"):
        add_hook(container, "createRuntime", log.script(name))
    container.create().check()
    assert log.names() == ["first", "second", "third"]


def test_each_hook_gets_the_state_on_stdin(hooked: Container, log: HookLog) -> None:
    hooked.config["annotations"] = {"org.example.key": "value"}
    hooked.run("sleep", "0.1").check()
    for name, state in log.entries():
        assert state["id"] == hooked.id, name
        assert state["bundle"] == str(hooked.bundle.directory), name
        assert state["annotations"]["org.example.key"] == "value", name
        assert state["ociVersion"].startswith("1."), name


def test_the_status_tells_where_the_container_is(hooked: Container, log: HookLog) -> None:
    hooked.run("sleep", "0.1").check()
    status = {name: state["status"] for name, state in log.entries()}
    assert status["prestart"] == status["createRuntime"] == status["createContainer"] == "creating"
    assert status["startContainer"] in ("created", "running")
    assert status["poststop"] == "stopped"


def test_the_pid_is_of_init(container: Container, log: HookLog) -> None:
    add_hook(container, "createRuntime", log.script("createRuntime"))
    add_hook(container, "poststart", log.script("poststart"))
    container.run_detached()
    assert {state["pid"] for _, state in log.entries()} == {container.pid}


def test_the_namespaces_are_there_for_create_runtime(container: Container, log: HookLog) -> None:
    add_hook(
        container,
        "createRuntime",
        f"""readlink /proc/$(echo "$state" | sed 's/.*"pid": *\\([0-9]*\\).*/\\1/')/ns/net > {log.path}""",
    )
    container.run_detached()
    inside = container.exec("readlink", "/proc/self/ns/net").check().out
    assert log.path.read_text() == inside


def test_create_runtime_runs_in_the_namespaces_of_the_runtime(container: Container, log: HookLog) -> None:
    add_hook(container, "createRuntime", f"hostname > {log.path}")
    container.create().check()
    assert log.path.read_text() != "box\n"


def test_create_container_runs_in_the_namespaces_of_the_container(container: Container, log: HookLog) -> None:
    add_hook(container, "createContainer", f"readlink /proc/self/ns/net > {log.path}")
    container.run_detached()
    assert log.path.read_text() == container.exec("readlink", "/proc/self/ns/net").check().out


def test_start_container_runs_in_the_root_of_the_container(container: Container, log: HookLog) -> None:
    (container.rootfs / "mark").write_text("of the container")
    add_hook(container, "startContainer", f"cat /mark > {log.path}")
    container.run("true").check()
    assert log.path.read_text() == "of the container"


def test_a_hook_has_its_own_environment_only(container: Container, log: HookLog) -> None:
    add_hook(container, "createRuntime", f"env > {log.path}", env=["A=1", "B=two words", "PATH=/bin:/usr/bin"])
    container.runtime.call("create", "-b", container.bundle.write(), container.id, env={"FROM_CALLER": "1"}).check()
    lines = log.path.read_text().splitlines()
    assert {"A=1", "B=two words"} <= set(lines)
    assert not any(line.startswith("FROM_CALLER") for line in lines)


def test_the_first_argument_is_the_name_of_the_program(container: Container, log: HookLog) -> None:
    hook = {"path": "/bin/sh", "args": ["my-name", "-c", f'echo "$0 $1 $2" > {log.path}', "zero", "one", "two"]}
    container.config["hooks"] = {"createRuntime": [hook]}
    container.create().check()
    assert log.path.read_text() == "zero one two\n"


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_a_failing_hook_of_create_aborts_it(container: Container, log: HookLog, kind: str) -> None:
    add_hook(container, kind, "echo what the hook says >&2; exit 7")
    add_hook(container, "poststop", log.script("poststop"))
    container.create().refused()
    assert not container.exists()
    assert cgroups_of(container.id) == []


def test_the_hooks_after_a_failing_one_do_not_run(container: Container, log: HookLog) -> None:
    add_hook(container, "createRuntime", log.script("first", "exit 1"))
    add_hook(container, "createRuntime", log.script("second"))
    container.create().refused()
    assert "second" not in log.names()


@pytest.mark.parametrize("kind", ["createRuntime", "poststop"])
def test_a_hook_need_not_read_the_state(container: Container, kind: str) -> None:
    container.config["annotations"] = {"org.example.more-than-a-pipe-holds": "x" * 200_000}
    container.config["hooks"] = {kind: [{"path": "/bin/true"}]}
    container.run("true").check()


def test_a_failing_start_container_hook_keeps_the_program_from_running(container: Container) -> None:
    container.config["root"]["readonly"] = False
    add_hook(container, "startContainer", "exit 7")
    container.create("sh", "-c", "echo > /ran").check()
    container.start()
    wait_until(lambda: not container.exists() or container.status == "stopped", "the end of the container")
    assert not (container.rootfs / "ran").exists()


def test_a_failing_poststart_hook_is_told(container: Container) -> None:
    add_hook(container, "poststart", "exit 7")
    container.create("sleep", "10000").check()
    outcome = container.start()
    assert "hooks.poststart[0]" in outcome.err


def test_a_failing_poststop_hook_does_not_stop_delete(container: Container) -> None:
    add_hook(container, "poststop", "exit 7")
    container.run_detached()
    container.stop()
    container.delete().check()
    assert not container.exists()
    assert cgroups_of(container.id) == []


def test_a_failing_poststop_hook_is_a_warning_and_the_next_one_runs(
    container: Container, log: HookLog, directory: Path
) -> None:
    add_hook(container, "poststop", "exit 7")
    add_hook(container, "poststop", log.script("second"))
    container.run_detached()
    container.stop()
    path = directory / "log.json"
    container.runtime.call("--log", path, "--log-format", "json", "delete", container.id).check()
    assert log.names() == ["second"]
    (entry,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert entry["level"] == "warning"
    assert "hooks.poststop[0]" in entry["msg"]


def test_poststop_runs_after_delete_force(container: Container, log: HookLog) -> None:
    add_hook(container, "poststop", log.script("poststop"))
    container.run_detached()
    container.delete("--force").check()
    assert log.names() == ["poststop"]


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_a_hook_that_takes_too_long_is_killed(container: Container, kind: str) -> None:
    add_hook(container, kind, "exec sleep 10000", timeout=1)
    container.create().refused()
    assert not container.exists()


def test_a_hook_within_its_timeout_is_not_killed(container: Container, log: HookLog) -> None:
    add_hook(container, "createRuntime", log.script("in time"), timeout=30)
    container.create().check()
    assert len(log.path.read_text().splitlines()) == 1


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_a_hook_that_does_not_exist_is_named(container: Container, kind: str) -> None:
    container.config["hooks"] = {kind: [{"path": "/no/such/hook"}]}
    outcome = container.create().refused()
    assert "/no/such/hook" in outcome.err
    assert not container.exists()


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_a_failing_hook_is_told_by_its_field(container: Container, directory: Path, kind: str) -> None:
    add_hook(container, kind, "exit 7")
    log = directory / "log.json"
    words = ("--log", log, "--log-format", "json", "create", "-b", container.bundle.write(), container.id)
    outcome = container.runtime.call(*words)
    line = outcome.err.splitlines()[-1]
    assert re.search(rf"config\.json: hooks\.{kind}\[0\].*: /bin/sh exited with status 7", line)
    assert json.loads(log.read_text().splitlines()[-1])["msg"] in line


# -- ^C before the program runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"])
@orun_only("runc waits for the hook; only ^C of a terminal ends that, for it is in the same process group")
def test_a_signal_during_a_hook_ends_the_start_and_leaves_nothing(
    container: Container, log: HookLog, directory: Path, kind: str, number: signal.Signals
) -> None:
    add_hook(container, kind, log.script(kind, f"cd {directory} && exec sleep 1000"))
    add_hook(container, "poststop", log.script("poststop"))
    call = container.begin_run("sleep", "10000")
    wait_until(lambda: kind in log.names(), "the hook")
    call.signal(number)
    outcome = call.wait()
    assert outcome.code == 1
    assert f"interrupted by {number.name}" in outcome.err
    if kind in ("prestart", "createRuntime", "poststart"):
        assert f"hooks.{kind}[0]" in outcome.err
    assert log.names() == [kind, "poststop"]
    assert not container.exists()
    assert cgroups_of(container.id) == []


@orun_only("runc waits for the hook")
def test_a_signal_during_create_leaves_nothing(container: Container, log: HookLog) -> None:
    add_hook(container, "createRuntime", log.script("createRuntime", "sleep 1000"))
    call = container.begin_create("true")
    wait_until(lambda: log.names() == ["createRuntime"], "the hook")
    call.signal(signal.SIGHUP)
    outcome = call.wait()
    assert outcome.code == 1
    assert f'cannot create container "{container.id}": config.json: hooks.createRuntime[0]: interrupted' in outcome.err
    assert not container.exists()


@orun_only("runc takes every signal, and forwards it")
def test_a_signal_that_the_caller_ignores_does_not_end_a_start(container: Container, log: HookLog) -> None:
    add_hook(container, "createRuntime", log.script("createRuntime", "sleep 0.5; echo done >> " + str(log.path)))
    container.runtime.prefix = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh"]
    call = container.begin_run("echo", "it ran")
    wait_until(lambda: bool(log.path.read_text()), "the hook")
    call.signal(signal.SIGHUP)
    assert call.wait().check().out == "it ran\n"


@orun_only("runc waits for the hook")
def test_a_signal_during_a_poststop_hook_ends_the_hook_and_not_the_delete(container: Container, log: HookLog) -> None:
    add_hook(container, "poststop", log.script("poststop", "sleep 1000"))
    container.create("true").check()
    call = container.runtime.begin("delete", "--force", container.id)
    wait_until(lambda: log.names() == ["poststop"], "the hook")
    call.signal(signal.SIGTERM)
    assert call.wait().code == 0
    assert not container.exists()
