"""`list`: the table, the JSON, the ids alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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


def test_quiet_prints_the_ids(new_container: Callable[[], Container]) -> None:
    containers = [new_container(), new_container()]
    for one in containers:
        one.create().check()
    assert sorted(containers[0].runtime.call("list", "-q").check().lines) == sorted(one.id for one in containers)


def test_an_unknown_format_is_refused(container: Container) -> None:
    container.create().check()
    assert container.runtime.call("list", "-f", "yaml").code == 1
