"""Flags, arguments and help."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.runtime.command_line import (
    BOOL,
    GLOBAL_FLAGS,
    NUMBER,
    NUMBERS,
    TEXT,
    TEXTS,
    Flag,
    Verb,
    check_arguments,
    global_help,
    parse_flags,
    verb_help,
)

_FLAGS = (
    Flag("detach d", BOOL, "go"),
    Flag("bundle b", TEXT, "where"),
    Flag("count", NUMBER, "how many"),
    Flag("env e", TEXTS, "more"),
    Flag("gid", NUMBERS, "groups"),
    Flag("secret", BOOL, "not shown", hidden=True),
)


def test_every_kind_in_every_spelling() -> None:
    options, rest = parse_flags(
        _FLAGS, ["-d", "--bundle=x", "-count", "-3", "-e", "A=1", "--env", "B", "--gid=4", "name", "-x"], "orun"
    )
    assert options.flag("detach")
    assert options.text("bundle") == "x"
    assert options.number("count") == -3
    assert options.texts("env") == ["A=1", "B"]
    assert options.numbers("gid") == [4]
    assert rest == ["name", "-x"]
    assert options.given == {"detach", "bundle", "count", "env", "gid"}


def test_what_is_not_given_is_zero() -> None:
    options, _ = parse_flags(_FLAGS, [], "orun")
    assert (options.flag("detach"), options.text("bundle"), options.number("count")) == (False, "", 0)
    assert options.texts("env") == []
    assert options.numbers("gid") == []


def test_two_dashes_end_the_flags() -> None:
    assert parse_flags(_FLAGS, ["--", "-d"], "orun")[1] == ["-d"]
    assert parse_flags(_FLAGS, ["-", "-d"], "orun")[1] == ["-", "-d"]


def test_a_boolean_takes_a_value_only_with_an_equals_sign() -> None:
    assert not parse_flags(_FLAGS, ["--detach=false", "x"], "orun")[0].flag("detach")
    assert parse_flags(_FLAGS, ["--detach", "false"], "orun")[1] == ["false"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bundel", "x"], "run: unknown flag --bundel; did you mean --bundle?"),
        (["--zzz"], "run: unknown flag --zzz; see run --help"),
        (["--bundle"], "run: flag --bundle needs a value; write --bundle=VALUE"),
        (["--count", "1x"], '--count: "1x" is not a whole number; write digits only'),
        (["--count", "٣"], '--count: "٣" is not a whole number; write digits only'),
        (["--detach=maybe"], '--detach: "maybe" is neither true nor false; write --detach alone'),
    ],
)
def test_wrong_flags(words: list[str], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_flags(_FLAGS, words, "run")
    assert str(caught.value) == message


def test_the_number_of_arguments_is_checked() -> None:
    verb = Verb("start", "<container-id>", "start", (), minimum=1, maximum=1)
    check_arguments(verb, ["a"])
    with pytest.raises(InvalidArgument, match="start: needs <container-id>; see orun start --help"):
        check_arguments(verb, [])
    with pytest.raises(InvalidArgument, match='start: unexpected argument "b"; flags go before the arguments'):
        check_arguments(verb, ["a", "b"])
    check_arguments(Verb("exec", "", "", (), minimum=1, maximum=None), ["a"] * 9)


def test_help_shows_every_flag_but_the_hidden_ones() -> None:
    text = verb_help(Verb("run", "<id>", "runs", _FLAGS, minimum=1, maximum=1))
    assert "--bundle, -b value" in text
    assert "--detach, -d  " in text
    assert "secret" not in text
    assert "orun run [command options] <id>" in text


def test_the_global_help_has_verbs_and_flags() -> None:
    text = global_help([("create", "make one")])
    assert "create       make one" in text
    assert all(f"--{flag.names[0]}" in text for flag in GLOBAL_FLAGS)
