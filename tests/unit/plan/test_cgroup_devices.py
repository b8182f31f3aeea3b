"""The device rules in force, and how v1 and v2 are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.linux.device_filter import device_filter_program
from orlop.plan.builder import Plan
from orlop.plan.cgroup_devices import device_rule_text, effective_device_rules
from orlop.plan.cgroups import (
    CgroupPlacement,
    create_cgroup,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _texts(rules: list[dict[str, Any]]) -> list[str]:
    return [f"{'allow' if rule['allow'] else 'deny'} {device_rule_text(rule)}" for rule in rules]


def test_devices_begin_with_a_refusal_of_all_and_end_with_the_defaults() -> None:
    rules = effective_device_rules([{"allow": True, "type": "c", "major": 10, "minor": 1, "access": "r"}])
    assert device_rule_text(rules[0]) == "a"
    assert rules[0]["allow"] is False
    assert device_rule_text(rules[1]) == "c 10:1 r"
    assert "c 1:3 rwm" in [device_rule_text(rule) for rule in rules]


def test_the_last_rule_for_all_devices_wins() -> None:
    everything = {"allow": True, "access": "rwm"}
    nothing = {"allow": False, "access": "rwm"}
    assert effective_device_rules([nothing, everything]) == [{"allow": True, "type": "a", "access": "rwm"}]
    assert effective_device_rules([everything, nothing])[0]["allow"] is False


def test_on_v2_devices_are_a_filter(placement: Callable[[str], CgroupPlacement]) -> None:
    plan = Plan("x")
    create_cgroup(plan, placement("v2"), {"devices": [{"allow": False, "access": "rwm"}]})
    assert "device_filter" in [step.operation for step in plan.outer.steps]
    plan = Plan("x")
    create_cgroup(plan, placement("v2"), {"devices": [{"allow": True, "access": "rwm"}]})
    assert "device_filter" not in [step.operation for step in plan.outer.steps]


def test_device_rules_without_their_controller_are_refused_unless_all_is_allowed(
    placement: Callable[[str], CgroupPlacement],
) -> None:
    layout = placement("v1")
    layout.directories = [one for one in layout.directories if one.hierarchy != "devices"]
    for rules in ([], [{"allow": False, "access": "rwm"}]):
        with pytest.raises(InvalidArgument, match=r"linux\.resources\.devices: this host has no devices cgroup"):
            create_cgroup(Plan("x"), layout, {"devices": rules})
    create_cgroup(Plan("x"), layout, {"devices": [{"allow": True, "access": "rwm"}]})


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({}, "a"),
        ({"type": "a", "access": "rwm"}, "a"),
        ({"type": "c"}, "c *:* rwm"),
        ({"type": "c", "access": ""}, "c *:* rwm"),
        ({"type": "b", "major": 8}, "b 8:* rwm"),
        ({"type": "b", "minor": 0}, "b *:0 rwm"),
        ({"type": "c", "major": -1, "minor": -1, "access": "m"}, "c *:* m"),
        ({"type": "c", "major": 0, "minor": 0, "access": "rw"}, "c 0:0 rw"),
    ],
)
def test_device_rules_as_the_kernel_reads_them(rule: dict[str, Any], text: str) -> None:
    assert device_rule_text(rule) == text


def test_a_rule_for_all_devices_forgets_those_before_it() -> None:
    fuse = {"allow": True, "type": "c", "major": 10, "minor": 229}
    disk = {"allow": True, "type": "b", "major": 8, "minor": 0}
    assert _texts(effective_device_rules([fuse, {"allow": False}, disk]))[:3] == [
        "deny a",
        "allow b 8:0 rwm",
        "allow c *:* m",
    ]


def test_device_rules_are_written_in_their_order_through_one_open_file_per_run(
    placement: Callable[[str], CgroupPlacement],
) -> None:
    rules = [
        {"allow": True, "type": "c", "major": 10, "minor": 1},
        {"allow": False, "type": "b", "major": 8, "minor": 0},
    ]
    plan = Plan("x")
    create_cgroup(plan, placement("v1"), {"devices": rules})
    told = [
        (step.s0 or "").rpartition("/")[2] if step.operation == "open" else step.blob.decode()
        for step in plan.after_clone.steps
        if step.field == "linux.resources.devices" and step.operation != "close"
    ]
    assert told[:7] == [
        "devices.deny",
        "a",
        "devices.allow",
        "c 10:1 rwm",
        "devices.deny",
        "b 8:0 rwm",
        "devices.allow",
    ]
    assert told.count("devices.allow") == 2
    assert plan.after_clone.steps[-1].operation == "close"


@pytest.mark.parametrize("mode", ["v1", "hybrid"])
def test_a_container_that_may_use_every_device_writes_no_rule(
    placement: Callable[[str], CgroupPlacement], mode: str
) -> None:
    plan = Plan("x")
    create_cgroup(plan, placement(mode), {"devices": [{"allow": True, "access": "rwm"}]})
    assert "linux.resources.devices" not in [step.field for step in plan.after_clone.steps]


def test_the_filter_of_v2_enforces_the_rules_in_force(placement: Callable[[str], CgroupPlacement]) -> None:
    rules = [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}]
    plan = Plan("x")
    create_cgroup(plan, placement("v2"), {"devices": rules})
    (loaded,) = [step for step in plan.outer.steps if step.operation == "device_filter"]
    assert loaded.blob == device_filter_program(effective_device_rules(rules))
    assert [step.s0 for step in plan.outer.steps if step.operation == "open"] == ["/sys/fs/cgroup/web"] * 2


def test_without_rules_all_but_the_defaults_is_refused() -> None:
    assert _texts(effective_device_rules([])) == [
        "deny a",
        "allow c *:* m",
        "allow b *:* m",
        "allow c 1:3 rwm",
        "allow c 1:8 rwm",
        "allow c 1:7 rwm",
        "allow c 5:0 rwm",
        "allow c 1:5 rwm",
        "allow c 1:9 rwm",
        "allow c 136:* rwm",
        "allow c 5:2 rwm",
        "allow c 10:200 rwm",
    ]


def test_an_exception_from_everything_is_kept() -> None:
    rules = effective_device_rules([{"allow": True}, {"allow": False, "type": "b", "major": 8}])
    assert _texts(rules)[:2] == ["allow a", "deny b 8:* rwm"]
