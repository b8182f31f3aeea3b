"""The difference as text."""

from __future__ import annotations

from orlop.insight.change import CHANGED, WEAKER, Change
from orlop.insight.diff import Difference, diff
from orlop.insight.diff_table import diff_table

from .plans import checked, default_config, full_config


def test_what_matters_comes_first() -> None:
    difference = Difference(
        [
            Change("root.readonly", WEAKER, "read-only", "writable", "It can be changed."),
            Change("x", CHANGED, None, "1"),
        ],
        [Change("hostname", CHANGED, "a", "b"), Change("process.env (A)", CHANGED, "", None)],
    )
    assert diff_table(difference) == (
        "1 weaker, 1 changed, 0 stronger; 2 other fields\n"
        "\n"
        "Security\n"
        "weaker    root.readonly: read-only -> writable\n"
        "          It can be changed.\n"
        "changed   x: not set -> 1\n"
        "\n"
        "Other fields\n"
        "          hostname: a -> b\n"
        '          process.env (A): "" -> not set\n'
    )


def test_no_difference() -> None:
    assert diff_table(Difference([], [])) == "No difference.\n"


def test_only_others() -> None:
    assert diff_table(Difference([], [Change("hostname", CHANGED, "a", "b")])) == (
        "0 weaker, 0 changed, 0 stronger; 1 other field\n\nOther fields\n          hostname: a -> b\n"
    )


def test_what_a_terminal_would_obey_is_escaped() -> None:
    text = diff_table(Difference([Change("a\x1b", WEAKER, "\x1b[2J", "\n", "\x07")], []))
    assert all(line.isprintable() for line in text.splitlines())


def test_it_fits_a_terminal() -> None:
    for line in diff_table(diff(checked(default_config()), checked(full_config()))).splitlines():
        assert len(line) <= 100
        assert line == line.rstrip()
