"""What a configuration leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.insight.field_words import FIELD_WORDS
from orlop.insight.not_set import DEFAULT, HOST, OPEN, not_set

from .plans import checked, default_config, full_config

_LEAST = {"ociVersion": "1.0.2", "process": {"args": ["x"], "cwd": "/"}, "root": {"path": "r"}}


def _effects(config: dict[str, Any]) -> dict[str, str]:
    return {one.field: one.effect for one in not_set(checked(config))}


def test_a_configuration_that_says_nothing_shares_everything() -> None:
    effects = _effects(_LEAST)
    for kind in ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"):
        assert effects[f"linux.namespaces ({kind})"] == HOST
    for field in ("linux.seccomp", "process.noNewPrivileges", "root.readonly", "linux.maskedPaths",
                  "linux.readonlyPaths", "linux.resources.memory.limit", "linux.resources.pids.limit",
                  "linux.resources.cpu.quota"):  # fmt: skip
        assert effects[field] == OPEN
    for field in ("process.user", "process.user.umask", "process.capabilities", "linux.cgroupsPath",
                  "linux.resources.devices", "linux.rootfsPropagation"):  # fmt: skip
        assert effects[field] == DEFAULT
    for field in ("process.rlimits", "process.oomScoreAdj", "process.terminal"):
        assert effects[field] == HOST


def test_what_is_set_is_not_told() -> None:
    # No valid configuration has one: this version refuses it.
    assert set(_effects(full_config())) == {"process.apparmorProfile"}


def test_the_default_configuration() -> None:
    assert set(_effects(default_config())) == {
        "linux.namespaces (user)", "linux.namespaces (time)", "process.oomScoreAdj", "process.apparmorProfile",
        "linux.seccomp",
        "linux.resources.memory.limit", "linux.resources.pids.limit", "linux.resources.cpu.quota",
        "process.user.umask", "linux.rootfsPropagation", "linux.cgroupsPath",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ({"memory": {"limit": 1}}, "linux.resources.memory.limit"),
        ({"unified": {"memory.max": "1"}}, "linux.resources.memory.limit"),
        ({"unified": {"cpu.max": "1 2"}}, "linux.resources.cpu.quota"),
        ({"pids": {"limit": 5}}, "linux.resources.pids.limit"),
    ],
)
def test_a_limit_may_be_set_in_two_ways(resources: dict[str, Any], field: str) -> None:
    config = default_config()
    config["linux"]["resources"] = resources
    assert field not in _effects(config)


@pytest.mark.parametrize("value", [-1, 0])
def test_a_limit_of_no_limit_is_none(value: int) -> None:
    config = default_config()
    config["linux"]["resources"] = {"pids": {"limit": value}, "memory": {"limit": -1}}
    assert {"linux.resources.pids.limit", "linux.resources.memory.limit"} <= set(_effects(config))


def test_the_hosts_come_first_and_each_is_a_sentence() -> None:
    absences = not_set(checked(_LEAST))
    effects = [one.effect for one in absences]
    assert effects == sorted(effects, key=[HOST, OPEN, DEFAULT].index)
    for one in absences:
        assert one.words[0].isupper(), one.field
        assert one.words.endswith("."), one.field
        assert one.field.partition(" ")[0] in FIELD_WORDS, one.field
