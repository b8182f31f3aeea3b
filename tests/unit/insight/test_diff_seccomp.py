"""Filters that let more or less through."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from orlop.insight.change import CHANGED, STRONGER, WEAKER
from orlop.insight.diff_seccomp import seccomp_changes

from .verdicts import told, verdicts

_ALLOW, _ERRNO, _KILL = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"
_WHEN = [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]
_MASKED = [{"index": 1, "value": 3, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}]


def _filter(default: str, *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"defaultAction": default, "syscalls": list(rules), **more}


def _rule(action: str, *names: str, **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": action, **more}


@pytest.mark.parametrize("none", [None, {}])
def test_a_filter_that_goes_is_weaker(none: Any) -> None:
    assert told(seccomp_changes(_filter(_ERRNO), none)) == [("linux.seccomp", WEAKER, "SCMP_ACT_ERRNO, 0 rules", None)]
    assert verdicts(seccomp_changes(none, _filter(_ERRNO))) == [STRONGER]
    assert list(seccomp_changes(none, none)) == []


def test_actions_from_the_loosest_to_the_strictest() -> None:
    actions = ["ALLOW", "LOG", "TRACE", "ERRNO", "TRAP", "KILL_THREAD", "KILL_PROCESS"]
    for loose, strict in pairwise(actions):
        old, new = _filter(f"SCMP_ACT_{loose}"), _filter(f"SCMP_ACT_{strict}")
        assert verdicts(seccomp_changes(old, new)) == [STRONGER]
        assert verdicts(seccomp_changes(new, old)) == [WEAKER]


def test_calls_that_are_let_through_are_told_together() -> None:
    old, new = _filter(_ERRNO, _rule(_ALLOW, "read")), _filter(_ERRNO, _rule(_ALLOW, "read", "bpf", "keyctl"))
    assert told(seccomp_changes(old, new)) == [("linux.seccomp (bpf, keyctl)", WEAKER, "errno 1", "allow")]
    assert told(seccomp_changes(new, old)) == [("linux.seccomp (bpf, keyctl)", STRONGER, "allow", "errno 1")]


def test_how_the_rules_are_written_means_nothing() -> None:
    old = _filter(_ERRNO, _rule(_ALLOW, "read", "write"))
    new = _filter(_ERRNO, _rule(_ALLOW, "write"), _rule(_ALLOW, "read"))
    assert list(seccomp_changes(old, new)) == []


def test_a_rule_that_says_what_is_done_anyway_means_nothing() -> None:
    assert list(seccomp_changes(_filter(_ERRNO), _filter(_ERRNO, _rule(_ERRNO, "bpf")))) == []


def test_a_condition_makes_it_stronger() -> None:
    free, bound = _filter(_ERRNO, _rule(_ALLOW, "clone")), _filter(_ERRNO, _rule(_ALLOW, "clone", args=_WHEN))
    assert told(seccomp_changes(free, bound)) == [
        ("linux.seccomp (clone)", STRONGER, "allow", "allow if argument 0 eq 8; errno 1")
    ]
    assert verdicts(seccomp_changes(bound, free)) == [WEAKER]
    (change,) = seccomp_changes(_filter(_ERRNO), bound)
    assert (change.verdict, change.words) == (WEAKER, "The call is allowed under a condition.")


def test_another_condition_is_a_change() -> None:
    old, new = (_filter(_ERRNO, _rule(_ALLOW, "clone", args=args)) for args in (_WHEN, _MASKED))
    assert told(seccomp_changes(old, new)) == [
        (
            "linux.seccomp (clone)",
            CHANGED,
            "allow if argument 0 eq 8; errno 1",
            "allow if argument 1 masked_eq 3 2; errno 1",
        )
    ]


def test_another_errno_is_a_change() -> None:
    old, new = (_filter(_ALLOW, _rule(_ERRNO, "clone3", errnoRet=number)) for number in (1, 38))
    assert told(seccomp_changes(old, new)) == [("linux.seccomp (clone3)", CHANGED, "errno 1", "errno 38")]


def test_the_default_for_calls_without_a_rule() -> None:
    old, new = _filter(_ERRNO, _rule(_ALLOW, "read"), defaultErrnoRet=1), _filter(_ALLOW, _rule(_KILL, "bpf"))
    assert told(seccomp_changes(old, new)) == [
        ("linux.seccomp.defaultAction", WEAKER, "errno 1", "allow"),
        ("linux.seccomp (bpf)", STRONGER, "errno 1", "kill_process"),
    ]


def test_architectures_and_flags() -> None:
    old = _filter(_ERRNO, architectures=["SCMP_ARCH_X86_64"], flags=["SECCOMP_FILTER_FLAG_LOG"])
    new = _filter(_ERRNO, architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], flags=["SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
    assert told(seccomp_changes(old, new)) == [
        ("linux.seccomp.architectures", WEAKER, None, "SCMP_ARCH_X86"),
        ("linux.seccomp.flags", WEAKER, "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
    ]
    assert verdicts(seccomp_changes(old, _filter(_ERRNO, architectures=["SCMP_ARCH_X86_64"]))) == [CHANGED]


@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        ([_rule(_KILL, "bpf"), _rule(_ALLOW, "bpf")], "kill_process"),
        ([_rule(_ALLOW, "bpf"), _rule(_KILL, "bpf")], "allow"),
        ([_rule(_ALLOW, "bpf", args=_WHEN), _rule(_KILL, "bpf")], "kill_process"),
        ([_rule(_KILL, "bpf", args=_WHEN), _rule(_ALLOW, "bpf")], "allow"),
        ([_rule(_ERRNO, "bpf", errnoRet=1), _rule(_ALLOW, "bpf")], "allow"),
        ([_rule(_ERRNO, "bpf", errnoRet=1), _rule(_ALLOW, "bpf", args=_WHEN)], "allow if argument 0 eq 8; errno 1"),
    ],
)
def test_of_several_rules_the_one_counts_that_counts_for_libseccomp(rules: list[dict[str, Any]], outcome: str) -> None:
    """Tried with libseccomp 2.5: the first rule without a condition; one that says the default is not even added."""
    (change,) = seccomp_changes(_filter(_ERRNO), _filter(_ERRNO, *rules))
    assert (change.old, change.new) == ("errno 1", outcome)


def test_conditions_on_one_argument_are_alternatives() -> None:
    twice = [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"} for value in (1, 2)]
    (change,) = seccomp_changes(_filter(_ERRNO), _filter(_ERRNO, _rule(_ALLOW, "clone", args=twice)))
    assert change.new == "allow if argument 0 eq 1 or argument 0 eq 2; errno 1"


def test_the_errno_that_is_returned_without_one_is_eperm() -> None:
    old, new = _filter(_ERRNO, _rule(_ALLOW, "read")), _filter(_ERRNO, _rule(_ALLOW, "read"), defaultErrnoRet=1)
    assert list(seccomp_changes(old, new)) == []
