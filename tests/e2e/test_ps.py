"""`ps`: the processes of a container, on the host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .waiting import wait_until

if TYPE_CHECKING:
    from .container import Container


def test_json_is_the_pids_on_the_host(container: Container) -> None:
    container.run_detached("sh", "-c", "sleep 10000 & exec sleep 10001")
    wait_until(lambda: len(container.processes()) == 2, "two processes")
    assert container.pid in json.loads(container.runtime.call("ps", "-f", "json", container.id).check().out)


def test_the_table_has_a_heading_and_a_row_for_each_process(container: Container) -> None:
    container.run_detached("sh", "-c", "sleep 10000 & exec sleep 10001")
    wait_until(lambda: len(container.processes()) == 2, "two processes")
    heading, *rows = container.runtime.call("ps", container.id).check().lines
    column = heading.split().index("PID")
    assert sorted(int(row.split()[column]) for row in rows) == sorted(container.processes())
    assert any("sleep 10001" in row for row in rows)


def test_options_are_those_of_ps(container: Container) -> None:
    container.run_detached()
    heading, row = container.runtime.call("ps", container.id, "-o", "pid,comm").check().lines
    assert heading.split() == ["PID", "COMMAND"]
    assert row.split() == [str(container.pid), "sleep"]


def test_a_process_of_exec_is_shown(container: Container) -> None:
    container.run_detached()
    container.exec("sleep", "10002", flags=("--detach",)).check()
    assert "sleep 10002" in container.runtime.call("ps", container.id).check().out


def test_an_unknown_format_is_refused(container: Container) -> None:
    container.run_detached()
    assert container.runtime.call("ps", "-f", "xml", container.id).code == 1
