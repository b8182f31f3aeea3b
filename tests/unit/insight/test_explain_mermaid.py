"""The explanation as a sequence diagram. Mermaid itself is no part of the tests; its grammar here is line by line."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orlop.errors import Internal
from orlop.insight.explain import explain
from orlop.insight.explain_mermaid import explain_mermaid
from orlop.plan.builder import Plan

from .plans import checked, compiled, default_config, full_config

_LINE = re.compile(
    r"sequenceDiagram"
    r"|    participant [OI] as [\w ,'()]+"
    r"|    (?:    )?Note over [OI]: (?:[^#;<>%{}`\\]|#\d+;|<br/>)+"
    r"|    (?:O->>I|I->>O): (?:[^#;<>%{}`\\]|#\d+;)+"
    r"|    opt [\w ,]+"
    r"|    end"
)


def _diagram(config: dict[str, Any], mode: str = "v2", **request: Any) -> str:
    valid = checked(config)
    return explain_mermaid(explain(valid, compiled(valid, mode=mode, **request), mode))


@pytest.mark.parametrize("mode", ["v1", "v2"])
@pytest.mark.parametrize("config", [default_config(), full_config()], ids=["default", "full"])
@pytest.mark.parametrize("is_run", [True, False])
def test_every_line_is_one_that_mermaid_takes(config: dict[str, Any], mode: str, is_run: bool) -> None:
    for line in _diagram(config, mode, is_run=is_run).splitlines():
        assert _LINE.fullmatch(line), line


@pytest.mark.parametrize("mode", ["v1", "v2"])
def test_every_operation_is_in_it(mode: str) -> None:
    valid = checked(full_config())
    plan = compiled(valid, mode=mode)
    text = explain_mermaid(explain(valid, plan, mode))
    told = 0
    for line in text.splitlines():
        if "Note over" in line:
            names = line.rpartition("<br/>")[2].split(", ")
            told += sum(int(name.partition(" x")[2] or 1) for name in names)
        else:
            told += "->>" in line
    waits = ("await", "wait_signal", "wait_exec")
    wanted = sum(step.operation not in waits for section in plan.sections() for step in section.steps)
    assert told == wanted


def test_who_waits_comes_after_who_tells() -> None:
    lines = _diagram(full_config()).splitlines()

    def position(part: str) -> int:
        return next(number for number, line in enumerate(lines) if part in line)

    assert position("the id maps are written") < position("Note over I: mounts[0]")
    assert position("Note over I: mounts[0]") < position("Note over O: hooks.prestart[0]")
    assert position("Note over O: hooks.prestart[0]") < position("Note over I: hooks.createContainer[0]")
    assert position("I->>O: execute") < position("Note over O: hooks.poststart[0]")


def test_the_users_text_cannot_become_syntax() -> None:
    config = default_config()
    config["hostname"] = "a;b#c<d>%%{e}`f\\g"
    (line,) = (one for one in _diagram(config).splitlines() if "Note over I: hostname" in one)
    assert line == ("    Note over I: hostname: a#59;b#35;c#60;d#62;#37;#37;#123;e#125;#96;f#92;g<br/>sethostname")


def test_two_processes_that_wait_for_each_other_are_an_error() -> None:
    plan = Plan("cannot run")
    plan.inner.add("await", n0=1)
    plan.outer.add("clone")
    plan.outer.add("wait_exec")
    with pytest.raises(Internal, match="wait for each other"):
        explain_mermaid(explain(checked(default_config()), plan, "v2"))
