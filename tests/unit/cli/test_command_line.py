"""Parsers and helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.cli import command_line
from orlop.cli.command_table import COMMANDS
from orlop.cli.settings import SETTINGS

if TYPE_CHECKING:
    from orlop.cli.command import Parser


def test_every_flag_of_a_setting_is_a_global_option() -> None:
    flags = {flag for option in command_line.global_options() for flag in option.flags}
    assert {one.flag for one in SETTINGS if one.flag} <= flags
    assert {"--config", "--format", "--version", "-n", "-h", "--help"} <= flags


def test_the_global_parser_leaves_the_rest_alone() -> None:
    found = command_line.global_parser().parse_args(["-n", "x", "--root", "/r", "pull", "--platform", "a/b", "c"])
    assert (found.namespace, found.root, found.state) == ("x", "/r", None)
    assert found.words == ["pull", "--platform", "a/b", "c"]


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_has_a_parser_whose_every_option_is_explained(name: tuple[str, ...]) -> None:
    parser = command_line.command_parser(name)
    assert [action.dest for action in (*parser.options(), *parser.arguments()) if not action.help] == []
    assert parser.parse(_least(parser) + ["--format", "json"][: 0 if name == ("bundle",) else 2]) is not None
    assert COMMANDS[name].help in " ".join(parser.format_help().split())


def _least(parser: Parser) -> list[str]:
    """The arguments that the command wants at least."""
    words = [str(next(iter(action.choices or ["x"]))) for action in parser.arguments() if action.nargs in {None, "+"}]
    return words + [word for action in parser.options() if action.required for word in (action.option_strings[0], "x")]


def test_the_overview_has_every_command_and_option() -> None:
    text = command_line.overview()
    for name in COMMANDS:
        assert f"  {' '.join(name)}" in text
    for option in command_line.global_options():
        assert f"  {', '.join(option.flags)}" in text
    assert "--root DIR            Directory of images, snapshots and the database (/var/lib/orlop)\n" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_group_has_its_own_overview() -> None:
    assert command_line.group_overview("store", [("store", "check")]).startswith("usage: orlop [OPTIONS] store COMMAND")
