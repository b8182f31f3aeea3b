"""The difference of two configurations: complete, and the same seen from the other side."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from orlop.insight.change import CHANGED, STRONGER, WEAKER, opposite
from orlop.insight.diff import JUDGED, diff
from orlop.insight.field_words import FIELD_WORDS

from .plans import checked, default_config, full_config
from .random_configurations import random_configuration

_SEEDS = range(0, 600, 2)


def test_a_configuration_does_not_differ_from_itself() -> None:
    for config in (default_config(), full_config(), *map(random_configuration, _SEEDS)):
        difference = diff(checked(config), checked(copy.deepcopy(config)))
        assert (difference.security, difference.other) == ([], [])


def test_no_difference_is_missed() -> None:
    for seed in _SEEDS:
        old, new = checked(random_configuration(seed)), checked(random_configuration(seed + 1))
        difference = diff(old, new)
        assert bool(difference.security or difference.other) is (old != new)


@pytest.mark.parametrize(
    "field", sorted({f"{path}" for seed in _SEEDS for path in random_configuration(seed)["linux"]})
)
def test_each_field_alone_makes_a_difference(field: str) -> None:
    """Two random configurations that differ in one field below `linux` only."""
    compared = 0
    for seed in _SEEDS:
        old, other = random_configuration(seed), random_configuration(seed + 1)
        if field in ("namespaces", "uidMappings", "gidMappings"):
            continue  # they hold only together
        new = copy.deepcopy(old)
        new["linux"].pop(field, None)
        if field in other["linux"]:
            new["linux"][field] = other["linux"][field]
        difference = diff(checked(old), checked(new))
        assert bool(difference.security) is (old["linux"].get(field) != new["linux"].get(field)), (seed, field)
        assert difference.other == []
        compared += old != new
    assert compared or field in ("namespaces", "uidMappings", "gidMappings")


def test_the_way_back_is_the_opposite() -> None:
    for seed in _SEEDS:
        old, new = checked(random_configuration(seed)), checked(random_configuration(seed + 1))
        there = sorted(str((one.field, one.verdict, one.old, one.new)) for one in diff(old, new).security)
        back = sorted(str((one.field, opposite(one.verdict), one.new, one.old)) for one in diff(new, old).security)
        assert there == back


def test_a_change_shows_two_values_that_differ() -> None:
    for seed in _SEEDS:
        difference = diff(checked(random_configuration(seed)), checked(random_configuration(seed + 1)))
        for one in (*difference.security, *difference.other):
            assert one.old != one.new, one.field


def test_the_weaker_come_first() -> None:
    order = [WEAKER, CHANGED, STRONGER]
    for seed in _SEEDS:
        verdicts = [
            one.verdict
            for one in diff(checked(random_configuration(seed)), checked(random_configuration(seed + 1))).security
        ]
        assert verdicts == sorted(verdicts, key=order.index)


def test_what_is_judged_is_a_field() -> None:
    assert set(FIELD_WORDS) >= JUDGED


def _other(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    difference = diff(checked(old), checked(new))
    assert difference.security == []
    return [(one.field, one.old, one.new) for one in difference.other]


def test_the_other_fields_are_told_as_they_are() -> None:
    old, new = default_config(), default_config()
    new["process"]["args"] = ["sh", "-c", "true"]
    new["hostname"] = "other"
    new["process"]["env"] = ["TERM=dumb", "A=", "A=2"]
    new["annotations"] = {"org.example": "x"}
    assert sorted(_other(old, new), key=str) == [
        ("annotations.org.example", None, "x"),
        ("hostname", "orun", "other"),
        ("process.args", '["sh"]', '["sh","-c","true"]'),
        ("process.env (A)", None, ", 2"),
        ("process.env (PATH)", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", None),
        ("process.env (TERM)", "xterm", "dumb"),
    ]


def test_an_empty_value_is_none() -> None:
    old, new = default_config(), default_config()
    new["annotations"] = {}
    new["domainname"] = ""
    old["process"]["terminal"] = False
    del new["process"]["terminal"]
    assert _other(old, new) == []


def test_a_property_that_the_spec_does_not_define_is_told() -> None:
    old, new = default_config(), default_config()
    new["process"]["future"] = {"a": 1}
    assert _other(old, new) == [("process.future.a", None, "1")]


def test_a_configuration_without_a_process_can_be_compared() -> None:
    old, new = default_config(), default_config()
    del old["process"]
    assert diff(checked(old), checked(new)).count(STRONGER) > 0
    assert diff(checked(old), checked(old)).other == []
