"""The table of commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.cli import command_table
from orlop.cli.command_table import COMMANDS, SHORT, find, group, nearest, overview, short_word

_DIRECTORY = Path(command_table.__file__).parent
_PARTS = {
    "__init__",
    "archive_input",
    "command",
    "command_line",
    "command_table",
    "image_lookup",
    "image_name",
    "main",
    "output",
    "progress_display",
    "session",
    "settings",
} | {path.stem for path in _DIRECTORY.glob("completion_*.py")}


def test_every_module_is_a_command_or_a_part() -> None:
    assert {row.module for row in COMMANDS.values()} == {path.stem for path in _DIRECTORY.glob("*.py")} - _PARTS


def test_a_word_that_begins_commands_is_none_itself() -> None:
    assert {name[0] for name in COMMANDS if len(name) == 2} & {name[0] for name in COMMANDS if len(name) == 1} == set()
    assert {name[0] for name in COMMANDS if len(name) == 2} & set(SHORT) == set()


@pytest.mark.parametrize(
    ("words", "name", "rest"),
    [
        (["image", "pull", "a"], ("image", "pull"), ["a"]),
        (["pull", "a"], ("image", "pull"), ["a"]),
        (["rmi", "a", "b"], ("image", "rm"), ["a", "b"]),
        (["df", "-x"], ("df",), ["-x"]),
    ],
)
def test_words_call_a_command(words: list[str], name: tuple[str, ...], rest: list[str]) -> None:
    assert find(words) == (name, rest)


@pytest.mark.parametrize("words", [[], ["image"], ["image", "pul"], ["imge", "pull"]])
def test_other_words_call_none(words: list[str]) -> None:
    assert find(words) is None


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["imge", "pull", "a"], "image pull"),
        (["image", "pul"], "image pull"),
        (["pul", "alpine"], "pull"),
        (["xyzzy", "plugh"], ""),
    ],
)
def test_a_typing_error_is_offered_the_nearest(words: list[str], near: str) -> None:
    assert nearest(words) == near


def test_a_group_is_what_begins_with_its_word() -> None:
    assert group("store") == [("store", "check")]
    assert group("df") == []


def test_overview_has_each_name_with_its_short_word() -> None:
    assert overview([("image", "ls"), ("df",)]) == (
        f"  image ls, images  {COMMANDS['image', 'ls'].help}\n  df                {COMMANDS[('df',)].help}"
    )
    assert short_word(("df",)) == ""
