"""Wrapped lines."""

from __future__ import annotations

from orlop.insight.text_layout import heading, wrapped


def test_lines_are_as_long_as_they_may_be() -> None:
    assert wrapped("aa bb cc dd", width=5) == ["aa bb", "cc dd"]


def test_the_first_line_and_the_others_have_their_own_beginnings() -> None:
    assert wrapped("aa bb cc", first="- ", rest="  ", width=7) == ["- aa bb", "  cc"]
    assert wrapped("aa bb", first="  ", width=5) == ["  aa", "  bb"]


def test_a_long_word_is_not_broken() -> None:
    assert wrapped("a bbbbbbbbbb c", width=5) == ["a", "bbbbbbbbbb", "c"]


def test_nothing_to_say_is_one_line() -> None:
    assert wrapped("", first="x: ") == ["x:"]


def test_a_heading_is_underlined() -> None:
    assert heading("Abc") == ["", "Abc", "---"]
