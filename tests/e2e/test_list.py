"""`list`: the table, the JSON, the ids alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .marks import orun_only
from .waiting import is_alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from .container import Container
    from .runtime import Runtime


def test_without_containers_the_table_is_its_heading(runtime: Runtime) -> None:
    assert runtime.call("list").check().out.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]


def test_without_containers_the_ids_are_empty(runtime: Runtime) -> None:
    assert runtime.call("list", "-q").check().out == ""


def test_without_containers_the_json_is_null(runtime: Runtime, is_orun: bool) -> None:
    out = runtime.call("list", "-f", "json").check().out
    assert json.loads(out) in (None, [])
    assert out.strip() == "null" or not is_orun


def test_the_table_has_a_row_for_each_container(new_container: Callable[[], Container]) -> None:
    first, second = new_container(), new_container()
    first.run_detached()
    second.create().check()
    rows = {line.split()[0]: line.split()[1:] for line in first.runtime.call("list").check().lines}
    assert rows[first.id][:3] == [str(first.pid), "running", str(first.bundle.directory)]
    assert rows[second.id][1] == "created"
    assert rows[first.id][4] == "root"


def test_columns_are_aligned(container: Container) -> None:
    container.run_detached()
    heading, row = container.runtime.call("list").check().lines
    for word in ("PID", "STATUS", "BUNDLE"):
        column = heading.index(word)
        assert row[column - 1 : column + 1].strip() == row[column]


def test_the_json_has_the_keys_of_runc(container: Container) -> None:
    container.run_detached()
    (entry,) = container.runtime.list()
    assert set(entry) == {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"}
    assert entry["status"] == "running"
    assert entry["owner"] == "root"


def test_a_stopped_container_is_listed_with_pid_0(container: Container) -> None:
    container.run_detached()
    container.stop()
    (entry,) = container.runtime.list()
    assert (entry["status"], entry["pid"]) == ("stopped", 0)


def test_a_container_with_a_damaged_state_is_told_and_neither_listed_nor_deleted(container: Container) -> None:
    container.run_detached()
    pid, record = container.pid, container.state_directory / "state.json"
    whole = record.read_bytes()
    record.write_bytes(b"garbage")
    for form in ("table", "json"):
        listed = container.runtime.call("list", "--format", form).check()
        assert container.id not in listed.out
        assert container.id in listed.err
    container.delete().refused()
    container.runtime.call("state", container.id).refused()
    assert is_alive(pid)
    record.write_bytes(whole)
    assert container.status == "running"


@orun_only("runc and crun refuse that too, and the processes stay")
@pytest.mark.parametrize("is_absolute", [True, False])
def test_a_container_with_a_damaged_state_is_ended_by_force(container: Container, *, is_absolute: bool) -> None:
    if is_absolute:
        container.config["linux"]["cgroupsPath"] = f"/{container.id}-absolute"
    container.run_detached()
    pid = container.pid
    (container.state_directory / "state.json").write_bytes(b"garbage")
    container.delete("--force").check()
    assert not is_alive(pid)
    assert not container.state_directory.exists()


def test_quiet_prints_the_ids(new_container: Callable[[], Container]) -> None:
    containers = [new_container(), new_container()]
    for one in containers:
        one.create().check()
    assert sorted(containers[0].runtime.call("list", "-q").check().lines) == sorted(one.id for one in containers)


def test_an_unknown_format_is_refused(container: Container) -> None:
    container.create().check()
    assert container.runtime.call("list", "-f", "yaml").code == 1
