"""Hooks, sysctls and the cgroup."""

from __future__ import annotations

from orlop.insight.change import CHANGED, STRONGER, WEAKER
from orlop.insight.diff_host import hook_changes, kernel_changes
from orlop.oci.config_names import HOOK_KINDS

from .verdicts import told, verdicts

_HOOK = {"path": "/hook", "args": ["hook", "x"]}


def test_a_hook_is_code_on_the_host() -> None:
    for kind in HOOK_KINDS:
        wanted = [CHANGED, CHANGED] if kind == "startContainer" else [WEAKER, STRONGER]
        assert verdicts([*hook_changes({}, {kind: [_HOOK]}), *hook_changes({kind: [_HOOK]}, {})]) == wanted


def test_a_hook_that_comes_is_named() -> None:
    (change,) = hook_changes({}, {"prestart": [_HOOK]})
    assert told([change]) == [("hooks.prestart (/hook)", WEAKER, None, "/hook x")]
    assert change.words == "Code that runs on the host."


def test_another_argument_is_a_change() -> None:
    other = {**_HOOK, "env": ["A=1"]}
    assert told(hook_changes({"poststop": [_HOOK]}, {"poststop": [other]})) == [
        ("hooks.poststop (/hook)", CHANGED, "/hook x", '/hook x {"env":["A=1"]}')
    ]


def test_the_same_hook_twice() -> None:
    assert verdicts(hook_changes({"poststop": [_HOOK]}, {"poststop": [_HOOK, _HOOK]})) == [WEAKER]


def test_the_order_of_hooks_counts() -> None:
    other = {"path": "/other"}
    assert told(hook_changes({"prestart": [_HOOK, other]}, {"prestart": [other, _HOOK]})) == [
        ("hooks.prestart", CHANGED, "/hook, /other", "/other, /hook")
    ]


def test_an_empty_list_is_none() -> None:
    assert list(hook_changes({"prestart": []}, {})) == []
    assert list(hook_changes({"prestart": [_HOOK]}, {"prestart": [{**_HOOK, "env": []}]})) == []


def test_sysctls() -> None:
    old, new = {"sysctl": {"net.a": "1", "net.b": "1"}}, {"sysctl": {"net.a": "2"}}
    assert told(kernel_changes(old, new)) == [
        ("linux.sysctl (net.a)", CHANGED, "1", "2"),
        ("linux.sysctl (net.b)", CHANGED, "1", None),
    ]


def test_the_place_of_the_cgroup() -> None:
    assert told(kernel_changes({"cgroupsPath": ""}, {"cgroupsPath": "/a"})) == [
        ("linux.cgroupsPath", CHANGED, None, "/a")
    ]
