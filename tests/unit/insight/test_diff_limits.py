"""Limits that go, come, rise or fall."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.insight.change import CHANGED, STRONGER, WEAKER
from orlop.insight.diff_limits import limit_changes

from .verdicts import told, verdicts


def _resources(path: str, value: Any) -> dict[str, Any]:
    section, _, key = path.partition(".")
    return {section: {key: value}} if value is not None else {}


@pytest.mark.parametrize("path", ["memory.limit", "memory.swap", "pids.limit", "cpu.quota"])
@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (100, None, WEAKER), (100, -1, WEAKER), (100, 200, WEAKER), (None, 100, STRONGER), (200, 100, STRONGER),
        (None, -1, CHANGED),
    ],
)  # fmt: skip
def test_a_lower_ceiling_is_stronger(path: str, old: int | None, new: int | None, verdict: str) -> None:
    changes = list(limit_changes(_resources(path, old), _resources(path, new)))
    assert [one.field for one in changes] == [f"linux.resources.{path}"]
    assert verdicts(changes) == [verdict]


def test_zero_is_no_limit_as_without_the_field() -> None:
    for path in ("memory.limit", "pids.limit", "cpu.quota"):
        assert list(limit_changes(_resources(path, 0), {})) == []


def test_a_quota_is_what_it_is_of_its_period() -> None:
    old, new = {"cpu": {"quota": 1000, "period": 2000}}, {"cpu": {"quota": 2000, "period": 8000}}
    assert told(limit_changes(old, new)) == [
        ("linux.resources.cpu.quota", STRONGER, "1000 of 2000 us", "2000 of 8000 us")
    ]
    assert verdicts(limit_changes(old, {"cpu": {"quota": 2000, "period": 4000}})) == [CHANGED]
    assert told(limit_changes({}, {"cpu": {"period": 4000}})) == [
        ("linux.resources.cpu.quota", CHANGED, None, "no of 4000 us")
    ]


def test_a_burst_lets_more_through() -> None:
    assert told(limit_changes({}, {"cpu": {"burst": 5}})) == [("linux.resources.cpu.burst", WEAKER, "0", "5")]


@pytest.mark.parametrize("key", ["cpus", "mems"])
@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (None, "0", STRONGER), ("0", None, WEAKER), ("0-3", "1,2", STRONGER), ("1", "0-2", WEAKER),
        ("0,1", "1,2", CHANGED), ("0", "x", CHANGED),
    ],
)  # fmt: skip
def test_fewer_cpus_are_stronger(key: str, old: str | None, new: str | None, verdict: str) -> None:
    if "x" not in (old, new):
        assert verdicts(limit_changes(_resources(f"cpu.{key}", old), _resources(f"cpu.{key}", new))) == [verdict]
    else:
        assert len(list(limit_changes(_resources(f"cpu.{key}", old), _resources(f"cpu.{key}", new)))) == 1


def test_without_the_killer_processes_hang() -> None:
    assert told(limit_changes({}, {"memory": {"disableOOMKiller": True}})) == [
        ("linux.resources.memory.disableOOMKiller", WEAKER, "false", "true")
    ]


def test_weights_are_no_walls() -> None:
    old, new = {"cpu": {"shares": 2}, "memory": {"swappiness": 0}}, {"cpu": {"shares": 1024}}
    assert told(limit_changes(old, new)) == [
        ("linux.resources.memory.swappiness", CHANGED, "0", None),
        ("linux.resources.cpu.shares", CHANGED, "2", "1024"),
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "verdict"),
    [
        ("memory.max", "1", None, WEAKER),
        ("memory.high", "1", "max", WEAKER),
        ("pids.max", "5", "4", STRONGER),
        ("memory.max", None, "1", STRONGER),
        ("io.max", "8:0 rbps=1", "8:0 rbps=2", CHANGED),
        ("cpu.weight", "1", "2", CHANGED),
    ],
)
def test_files_of_cgroup_v2(file: str, old: str | None, new: str | None, verdict: str) -> None:
    resources = [{"unified": {file: one} if one else {}} for one in (old, new)]
    assert told(limit_changes(*resources)) == [(f"linux.resources.unified ({file})", verdict, old, new)]


def _devices(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"devices": list(rules)}


_DENY_ALL = {"allow": False, "access": "rwm"}
_FUSE = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}


def test_devices_that_can_be_used() -> None:
    assert told(limit_changes(_devices(_DENY_ALL), _devices(_DENY_ALL, _FUSE))) == [
        ("linux.resources.devices", WEAKER, None, "allow c 10:229 rw")
    ]
    assert verdicts(limit_changes(_devices(_FUSE), _devices())) == [STRONGER]


def test_all_devices_is_one_change() -> None:
    changes = list(limit_changes(_devices(_DENY_ALL), _devices({"allow": True})))
    assert verdicts(changes) == [WEAKER]
    assert changes[0].new == "allow all devices"
    assert verdicts(limit_changes(_devices({"allow": True}), {})) == [STRONGER]


def test_a_device_that_is_denied() -> None:
    denied = {"allow": False, "type": "b", "major": 8, "access": "rwm"}
    assert told(limit_changes(_devices({"allow": True}, _FUSE), _devices({"allow": True}, _FUSE, denied))) == [
        ("linux.resources.devices", STRONGER, None, "deny b 8:* rwm")
    ]


def test_rules_that_say_the_same_are_none() -> None:
    assert list(limit_changes({}, _devices(_DENY_ALL))) == []


def test_the_order_of_rules_counts() -> None:
    other = {"allow": False, "type": "c", "major": 10, "access": "rwm"}
    assert verdicts(limit_changes(_devices(_FUSE, other), _devices(other, _FUSE))) == [CHANGED]
