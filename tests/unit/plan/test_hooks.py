"""Hooks: their state documents and their steps."""

from __future__ import annotations

import json

from orlop.plan.builder import Section, counts, strings_blob
from orlop.plan.hooks import has_hooks, hook_state, run_hooks
from orlop.plan.operations import BEST_EFFORT


def test_the_state_is_json_once_the_pid_is_in() -> None:
    text = hook_state("1.2.0", "web", "creating", "/b", {"k": 'v"\x01'})
    assert text.count("\x01") == 1
    assert json.loads(text.replace("\x01", "42")) == {
        "ociVersion": "1.2.0",
        "id": "web",
        "status": "creating",
        "pid": 42,
        "bundle": "/b",
        "annotations": {"k": 'v"\x01'},
    }


def test_a_stopped_container_has_no_pid() -> None:
    assert "pid" not in json.loads(hook_state("1.2.0", "web", "stopped", "/b", {}))


def test_hooks_run_in_their_order_with_their_own_arguments() -> None:
    section = Section()
    hooks = {"poststop": [{"path": "/a", "args": ["a", "x"], "env": ["E=1"], "timeout": 3}, {"path": "/b"}]}
    run_hooks(section, hooks, "poststop", "state")
    first, second = section.steps
    assert (first.s0, first.s1, first.n1) == ("/a", "state", 3000)
    assert (first.blob, first.n0) == (strings_blob(["a", "x"], ["E=1"]), counts(["a", "x"], ["E=1"]))
    assert (second.blob, second.n1) == (b"/b\0", 0)
    assert [first.field, second.field] == ["hooks.poststop[0]", "hooks.poststop[1]"]
    assert first.flags == 0


def test_best_effort_hooks_only_warn() -> None:
    section = Section()
    run_hooks(section, {"poststop": [{"path": "/a"}]}, "poststop", "s", best_effort=True)
    assert section.steps[0].flags == BEST_EFFORT


def test_has_hooks() -> None:
    assert has_hooks({"prestart": [{}]}, "poststop", "prestart")
    assert not has_hooks({"prestart": []}, "prestart")
    assert not has_hooks({}, "prestart")
