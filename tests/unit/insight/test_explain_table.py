"""The explanation as text."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orlop.insight.explain import explain
from orlop.insight.explain_table import explain_table

from .plans import checked, compiled, default_config, full_config


def _table(config: dict[str, Any], mode: str = "v2", **request: Any) -> str:
    valid = checked(config)
    return explain_table(explain(valid, compiled(valid, mode=mode, **request), mode))


def test_a_field_stands_with_its_words_and_its_operations() -> None:
    assert re.search(
        r"\nhostname: orun\n"
        r"  \[UTS namespace\] The name that hostname\(1\) shows inside\.\n"
        r"    inner \d\d       sethostname       set the host name to orun\n",
        _table(default_config()),
    )


def test_operations_that_differ_in_one_thing_are_told_together() -> None:
    config = default_config()
    config["linux"]["readonlyPaths"] = ["/proc/a", "/proc/b"]
    assert "readonly          make read-only /proc/a, /proc/b, if it is there\n" in _table(config)


def test_what_is_not_set_is_told() -> None:
    text = _table(default_config())
    assert "Not restricted:\n  linux.seccomp                    No filter:" in text
    assert "linux.devices: not set\n" in text


def test_warnings_have_a_place() -> None:
    assert "\nWarnings\n" not in _table(default_config())
    assert "\nWarnings\n--------\n  process.capabilities.bounding: cannot be granted:" in _table(
        default_config(), mask=0
    )


@pytest.mark.parametrize("mode", ["v1", "v2"])
def test_it_fits_a_terminal(mode: str) -> None:
    for line in _table(full_config(), mode).splitlines():
        assert line.isprintable()
        assert line == line.rstrip()
        assert len(line) <= 100 or len(line.split()) <= 4, "only a path may be longer"


def test_only_operations_of_the_plan_are_explained() -> None:
    text = _table(default_config()).partition("What the operations are for")[2]
    assert "  pivot_root         The container's root" in text
    assert "  chroot " not in text
