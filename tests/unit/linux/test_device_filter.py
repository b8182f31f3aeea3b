"""The device filter, run by a small interpreter."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from orlop.linux.device_filter import device_filter_program
from orlop.linux.devices import default_device_rules

from .device_bpf import is_allowed

_DENY_ALL = {"allow": False, "type": "a", "access": "rwm"}
_ALLOW_ALL = {"allow": True, "type": "a", "access": "rwm"}


def _rule(text: str) -> dict[str, Any]:
    """`+c 1:3 rw` as a rule."""
    kind, numbers, access = text[1:].split(" ")
    rule: dict[str, Any] = {"allow": text[0] == "+", "type": kind, "access": access}
    for key, number in zip(("major", "minor"), numbers.split(":"), strict=True):
        if number != "*":
            rule[key] = int(number)
    return rule


def _program(*rules: str | dict[str, Any]) -> bytes:
    return device_filter_program([_rule(one) if isinstance(one, str) else one for one in rules])


@pytest.mark.parametrize("rules", [[], [_DENY_ALL], [_ALLOW_ALL, _DENY_ALL], [{"allow": False}]])
def test_without_an_allowing_rule_nothing_is_allowed(rules: list[dict[str, Any]]) -> None:
    program = device_filter_program(rules)
    assert not any(is_allowed(program, kind, 1, 3, access) for kind in "bc" for access in ("r", "w", "m"))


def test_a_container_that_may_use_everything_may() -> None:
    program = _program(_DENY_ALL, _ALLOW_ALL)
    assert is_allowed(program, "b", 8, 0, "rwm")


@pytest.mark.parametrize(
    ("rules", "device", "access", "expected"),
    [
        (["+c 1:3 rwm"], ("c", 1, 3), "rw", True),
        (["+c 1:3 rwm"], ("c", 1, 5), "r", False),
        (["+c 1:3 rwm"], ("c", 2, 3), "r", False),
        (["+c 1:3 rwm"], ("b", 1, 3), "r", False),
        (["+c 1:* r"], ("c", 1, 77), "r", True),
        (["+c 0:0 r"], ("c", 0, 0), "r", True),
        (["+c 0:* r"], ("c", 1, 0), "r", False),
        (["+c *:0 r"], ("c", 1, 1), "r", False),
        (["+c *:3 r"], ("c", 9, 3), "r", True),
        (["+b *:* m"], ("b", 8, 1), "m", True),
        (["+b *:* m"], ("b", 8, 1), "r", False),
        (["+b *:* m"], ("b", 8, 1), "rm", False),
        (["+c 1:3 r"], ("c", 1, 3), "rw", False),
        (["+c 1:3 r", "+c 1:3 w"], ("c", 1, 3), "rw", True),
        (["+c 1:* r", "+c *:3 w"], ("c", 1, 3), "rw", True),
        (["+c 1:* r", "+c *:3 w"], ("c", 1, 4), "rw", False),
        (["+c 1:3 rwm", "-c 1:3 w"], ("c", 1, 3), "r", True),
        (["+c 1:3 rwm", "-c 1:3 w"], ("c", 1, 3), "rw", False),
        (["-c 1:3 w", "+c 1:3 rwm"], ("c", 1, 3), "rw", True),
        ([_ALLOW_ALL, "-b *:* rwm"], ("b", 8, 0), "r", False),
        ([_ALLOW_ALL, "-b *:* rwm"], ("c", 8, 0), "rw", True),
        ([_ALLOW_ALL, "-b 8:0 w"], ("b", 8, 0), "rw", False),
        ([_ALLOW_ALL, "-b 8:0 w"], ("b", 8, 0), "r", True),
        (["+c 4294967295:4294967295 r"], ("c", 4294967295, 4294967295), "r", True),
    ],
)
def test_the_last_rule_that_matches_decides(
    rules: list[str | dict[str, Any]], device: tuple[str, int, int], access: str, *, expected: bool
) -> None:
    assert is_allowed(_program(*rules), *device, access) is expected


def test_an_empty_access_is_all_of_it() -> None:
    program = device_filter_program([{"allow": True, "type": "c", "major": 1, "minor": 3}])
    assert is_allowed(program, "c", 1, 3, "rwm")


def test_the_default_rules_allow_null_and_no_disk() -> None:
    program = device_filter_program([_DENY_ALL, *default_device_rules()])
    assert is_allowed(program, "c", 1, 3, "rw")
    assert is_allowed(program, "c", 136, 7, "rw")
    assert is_allowed(program, "b", 8, 0, "m")
    assert not is_allowed(program, "b", 8, 0, "r")
    assert not is_allowed(program, "c", 5, 1, "w")


def _model(rules: list[dict[str, Any]], kind: str, major: int, minor: int, access: str) -> bool:
    """Access by access, the last rule that matches decides; nothing matches: refused."""

    def one(letter: str) -> bool:
        for rule in reversed(rules):
            matches = rule.get("type", "a") in ("a", kind) and letter in rule.get("access", "rwm")
            if matches and rule.get("major", major) == major and rule.get("minor", minor) == minor:
                return bool(rule["allow"])
        return False

    return all(one(letter) for letter in access)


def test_any_rules_do_what_the_model_says() -> None:
    generator = random.Random(3)  # noqa: S311 (a repeatable choice)
    accesses = ["".join(letters) for count in (1, 2, 3) for letters in itertools.combinations("rwm", count)]
    for _ in range(300):
        rules: list[dict[str, Any]] = [_DENY_ALL if generator.random() < 0.7 else _ALLOW_ALL]
        for _ in range(generator.randrange(8)):
            numbers = f"{generator.choice('12*')}:{generator.choice('34*')}"
            rules.append(
                _rule(f"{generator.choice('+-')}{generator.choice('cb')} {numbers} {generator.choice(accesses)}")
            )
        program = device_filter_program(rules)
        for kind, major, minor, access in itertools.product("bc", (1, 2), (3, 4), accesses):
            assert is_allowed(program, kind, major, minor, access) == _model(rules, kind, major, minor, access)
