"""The parser of a command, and its errors."""

from __future__ import annotations

import argparse

import pytest

from orlop.cli.command import Parser, say
from orlop.errors import InvalidArgument


def _parser() -> Parser:
    parser = Parser(prog="orlop image push", misplaced=["--root", "-n"])
    parser.add_argument("image")
    parser.add_argument("to", nargs="?", default="")
    parser.add_argument("--plain-http", action="store_true")
    return parser


def test_options_may_stand_between_arguments() -> None:
    found = _parser().parse(["a", "--plain-http", "b"])
    assert (found.image, found.to, found.plain_http) == ("a", "b", True)


def test_what_follows_the_arguments_of_a_bundle_is_its_commands() -> None:
    parser = Parser(prog="orlop bundle")
    parser.add_argument("-t", action="store_true")
    parser.add_argument("image")
    parser.add_argument("args", nargs=argparse.REMAINDER)
    found = parser.parse(["-t", "image", "sh", "-c", "true", "-t"])
    assert (found.t, found.args) == (True, ["sh", "-c", "true", "-t"])


def test_an_option_is_not_abbreviated() -> None:
    with pytest.raises(InvalidArgument, match="unrecognized arguments: --plain;"):
        _parser().parse(["a", "--plain"])


def test_an_error_names_the_command_and_its_help() -> None:
    with pytest.raises(InvalidArgument, match=r"^image push: .*required: image; see `orlop image push --help`$"):
        _parser().parse([])


@pytest.mark.parametrize("word", ["--root=/x", "-n"])
def test_a_global_option_behind_the_command_is_told_its_place(word: str) -> None:
    with pytest.raises(InvalidArgument, match=r"image push: unrecognized arguments: .*stands before the command$"):
        _parser().parse(["a", "b", word])


def test_a_result_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("done")
    assert capsys.readouterr().out == "done\n"
