"""Signals by name and number."""

from __future__ import annotations

import signal

import pytest

from orlop.errors import InvalidArgument
from orlop.linux.signals import parse_signal


@pytest.mark.parametrize("one", list(signal.Signals), ids=lambda one: one.name)
def test_every_name_of_the_c_library_is_known(one: signal.Signals) -> None:
    short = one.name.removeprefix("SIG")
    assert {parse_signal(text) for text in (one.name, short, short.lower(), str(one.value))} == {one.value}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("64", 64),
        ("09", 9),
        ("CHLD", 17),
        ("CLD", 17),
        ("RTMIN", 34),
        ("RTMIN+3", 37),
        ("sigrtmin+3", 37),
        ("RTMAX-1", 63),
        ("SIGRTMAX", 64),
        ("RTMIN+30", 64),
    ],
)
def test_numbers_aliases_and_real_time_signals(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "65",
        "-1",
        "KILLED",
        "SIG",
        "RTMIN+31",
        "RTMIN+",
        "RTMIN+-1",
        "RTMAX-x",
        "9 ",
        "٩",
        "1" * 5000,
        "BLOCK",
        "_DFL",
    ],
    ids=range(14),
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_signal(text)
    assert str(caught.value) == f'"{text}" is no signal; write a name such as KILL, or a number from 0 to 64'
