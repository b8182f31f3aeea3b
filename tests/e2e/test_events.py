"""`events`: resource use as JSON, one object a line."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from .waiting import wait_until

if TYPE_CHECKING:
    from .container import Container


def test_stats_are_one_line_with_the_keys_of_runc(container: Container) -> None:
    container.run_detached()
    (line,) = container.runtime.call("events", "--stats", container.id).check().lines
    event = json.loads(line)
    assert (event["type"], event["id"]) == ("stats", container.id)
    data = event["data"]
    assert {"cpu", "memory", "pids", "blkio", "hugetlb", "cpuset"} <= set(data)
    assert data["pids"]["current"] >= 1  # runc returns while threads of its own end
    assert data["cpu"]["usage"]["total"] > 0
    assert data["memory"]["usage"]["usage"] > 0
    assert data["memory"]["usage"]["limit"] > 0
    assert data["memory"]["raw"].keys() & {"rss", "anon"}  # v1, v2


def test_stats_have_every_cpu_and_the_cpuset(container: Container) -> None:
    container.config["linux"]["resources"]["cpu"] = {"cpus": "0"}
    container.run_detached()
    data = json.loads(container.runtime.call("events", "--stats", container.id).check().out)["data"]
    usage = data["cpu"]["usage"]
    assert len(usage["percpu_kernel"]) == len(usage["percpu_user"]) == len(usage["percpu"])
    assert data["cpuset"]["cpus"] == [0]
    assert set(data["cpuset"]) == {
        "cpus",
        "mems",
        "cpu_exclusive",
        "mem_hardwall",
        "mem_exclusive",
        "memory_migrate",
        "memory_spread_page",
        "memory_spread_slab",
        "memory_pressure",
        "sched_load_balance",
        "sched_relax_domain_level",
    }


def test_stats_tell_the_limits(container: Container) -> None:
    container.config["linux"]["resources"] |= {"memory": {"limit": 64 << 20}, "pids": {"limit": 50}}
    container.run_detached()
    data = json.loads(container.runtime.call("events", "--stats", container.id).check().out)["data"]
    assert data["memory"]["usage"]["limit"] == 64 << 20
    assert data["pids"]["limit"] == 50


def test_stats_of_a_stopped_container_are_refused(container: Container) -> None:
    container.run_detached()
    container.stop()
    assert container.runtime.call("events", "--stats", container.id).code == 1


def test_events_come_at_the_interval_until_the_container_is_gone(container: Container) -> None:
    container.run_detached()
    call = container.runtime.begin("events", "--interval", "100ms", container.id)
    wait_until(lambda: len(call.whole_lines()) >= 2 or call.has_ended, "two reports")
    assert [json.loads(line)["type"] for line in call.whole_lines()[:2]] == ["stats"] * 2
    container.stop()
    container.delete().check()
    call.wait()


def test_an_out_of_memory_kill_is_an_event(container: Container) -> None:
    container.config["linux"]["resources"]["memory"] = {"limit": 16 << 20}
    container.run_detached()
    call = container.runtime.begin("events", "--interval", "100ms", container.id)
    wait_until(lambda: "stats" in call.out() or call.has_ended, "the first report")
    assert not call.has_ended
    container.exec_sh("head -c 64000000 /dev/zero | tail")
    wait_until(lambda: any(json.loads(line)["type"] == "oom" for line in call.whole_lines()), "the oom event")
    call.signal(signal.SIGKILL)
    call.process.wait()


def test_an_interval_that_is_no_duration_is_refused(container: Container) -> None:
    container.run_detached()
    for interval in ("soon", "0s", "-1s"):
        assert container.runtime.call("events", "--interval", interval, container.id).code == 1
