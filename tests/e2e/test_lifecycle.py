"""The life of a container: create, start, kill, delete, and the status at each point."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .config import remove_namespace
from .leftovers import cgroups_of
from .orphans import reap
from .waiting import is_alive, wait_for_exit, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container import Container
    from .runtime import Runtime


def test_a_container_is_created_then_running_then_stopped_then_gone(container: Container) -> None:
    container.create("sleep", "10000").check()
    assert container.status == "created"
    container.start().check()
    assert container.status == "running"
    container.stop()
    assert container.status == "stopped"
    container.delete().check()
    assert not container.exists()


def test_create_does_not_run_the_program(container: Container) -> None:
    container.config["root"]["readonly"] = False
    container.create("sh", "-c", "echo > /ran").check()
    assert not (container.rootfs / "ran").exists()
    pid = container.pid
    container.start().check()
    assert reap(pid) == 0
    assert (container.rootfs / "ran").exists()


def test_create_leaves_init_to_the_caller(container: Container) -> None:
    container.create("sh", "-c", "exit 5").check()
    pid = container.pid
    assert int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]) == os.getpid()
    container.start().check()
    assert reap(pid) == 5


def _children() -> set[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {pid for pid in map(int, text.split()) if is_alive(pid)}


def test_create_leaves_no_process_but_init(container: Container) -> None:
    before = _children()
    container.create().check()
    assert _children() - before == {container.pid}


def test_what_a_created_container_writes_goes_to_the_streams_of_create(container: Container) -> None:
    created = container.create("sh", "-c", "echo to stdout; echo to stderr >&2").check()
    pid = container.pid
    container.start().check()
    reap(pid)
    assert created.out_path.read_text() == "to stdout\n"
    assert created.err_path.read_text() == "to stderr\n"


def test_state_has_the_keys_of_runc(container: Container) -> None:
    container.run_detached()
    state = container.state()
    assert set(state) == {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"}
    assert state["rootfs"] == str(container.rootfs)


def test_state_describes_the_container(container: Container) -> None:
    container.run_detached()
    state = container.state()
    assert state["id"] == container.id
    assert state["bundle"] == str(container.bundle.directory)
    assert is_alive(state["pid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", state["created"])
    assert state["ociVersion"].startswith("1.")


def test_the_state_of_a_stopped_container_has_pid_0(container: Container) -> None:
    container.run_detached()
    container.stop()
    assert container.state()["pid"] == 0


def test_annotations_are_in_the_state(container: Container) -> None:
    container.config["annotations"] = {"org.example.key": "a value", "empty": ""}
    container.run_detached()
    assert container.state()["annotations"] == {"org.example.key": "a value", "empty": ""}


def test_a_relative_bundle_is_resolved_from_the_working_directory(container: Container) -> None:
    container.bundle.write()
    container.config["process"]["args"] = ["true"]
    parent = container.bundle.directory.parent
    container.runtime.call("create", "-b", container.bundle.directory.name, container.id, cwd=parent).check()
    assert container.state()["bundle"] == str(container.bundle.directory)


@pytest.mark.parametrize("words", ["{name}/../{name}", "link/../../{name}", "{name}/.././/{name}/."])
def test_the_bundle_in_the_state_has_no_dots(container: Container, directory: Path, words: str) -> None:
    """`link` leads two directories down: where its `..` is cannot be read from the words."""
    container.bundle.write()
    parent = container.bundle.directory.parent
    (directory / "elsewhere/below").mkdir(parents=True)
    (parent / "link").symlink_to(directory / "elsewhere/below")
    bundle = words.format(name=container.bundle.directory.name)
    container.runtime.call("create", "-b", bundle, container.id, cwd=parent).check()
    assert container.state()["bundle"] == str(container.bundle.directory)


def test_the_bundle_is_the_working_directory_by_default(container: Container) -> None:
    container.config["process"]["args"] = ["echo", "here"]
    container.bundle.write()
    assert container.runtime.call("run", container.id, cwd=container.bundle.directory).check().out == "here\n"


def test_create_of_a_bundle_that_does_not_exist_fails(container: Container) -> None:
    outcome = container.runtime.call("create", "--bundle", container.bundle.directory / "no", container.id)
    assert outcome.code == 1
    assert not container.exists()


def test_create_of_an_id_that_exists_fails_and_changes_nothing(container: Container) -> None:
    container.run_detached()
    before = container.state()
    outcome = container.create()
    assert outcome.code == 1
    assert "exist" in outcome.err
    assert container.state() == before


def test_a_stopped_container_still_owns_its_id(container: Container) -> None:
    container.run_detached()
    container.stop()
    assert container.create().code == 1
    container.delete().check()
    container.create().check()


def test_start_of_a_running_container_is_refused(container: Container) -> None:
    container.run_detached()
    outcome = container.start()
    assert outcome.code == 1
    assert container.status == "running"


def test_start_of_a_stopped_container_is_refused(container: Container) -> None:
    container.run_detached()
    container.stop()
    assert container.start().code == 1


def test_a_second_start_is_refused(container: Container) -> None:
    container.create("sleep", "10000").check()
    container.start().check()
    assert container.start().code == 1


@pytest.mark.parametrize(
    "verb", ["start", "state", "kill", "delete", "exec", "ps", "pause", "resume", "update", "events"]
)
def test_an_unknown_id_is_an_error(runtime: Runtime, token: str, verb: str) -> None:
    words = {"exec": ("true",), "kill": ("KILL",)}.get(verb, ())
    outcome = runtime.call(verb, token, *words)
    assert outcome.code != 0
    assert outcome.says_unknown


def test_delete_refuses_a_running_container(container: Container) -> None:
    container.run_detached()
    outcome = container.delete()
    assert outcome.code == 1
    assert container.id in outcome.err
    assert container.status == "running"


def test_delete_force_ends_a_running_container(container: Container) -> None:
    container.run_detached()
    pid = container.pid
    container.delete("--force").check()
    assert not is_alive(pid)
    assert not container.exists()


def test_delete_force_of_an_unknown_id_is_no_error(runtime: Runtime, token: str) -> None:
    assert runtime.call("delete", "--force", token).code == 0


def test_delete_of_a_created_container_ends_its_init(container: Container) -> None:
    container.create().check()
    pid = container.pid
    container.delete().check()
    wait_for_exit(pid, "the end of init")
    assert not container.exists()


def test_delete_takes_back_cgroups_and_state(container: Container) -> None:
    container.run_detached()
    assert container.state_directory.is_dir()
    assert cgroups_of(container.id)
    container.stop()
    container.delete().check()
    assert not container.state_directory.exists()
    assert cgroups_of(container.id) == []


def test_delete_force_ends_every_process_without_a_pid_namespace(container: Container) -> None:
    remove_namespace(container.config, "pid")
    container.run_detached("sh", "-c", "sleep 10000 & exec sleep 10000")
    wait_until(lambda: len(container.processes()) == 2, "two processes")
    pids = container.processes()
    container.delete("--force").check()
    for pid in pids:
        wait_for_exit(pid, "the end of a process of the container")


def test_containers_do_not_see_each_other(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.run_detached()
    second.run_detached()
    assert "10000" in first.exec("ps").check().out
    assert first.exec_sh("ps | grep -c 'sleep 10000$'").check().out.strip() == "1"
    first.delete("--force").check()
    assert second.status == "running"


def test_an_empty_state_directory_can_be_listed_and_deleted(container: Container) -> None:
    container.state_directory.mkdir(parents=True)
    assert container.state()["status"] in ("creating", "stopped")
    container.delete("--force").check()
