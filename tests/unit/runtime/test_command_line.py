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
    options, _ = parse_flags(_FLAGS, [], "")
    assert (options.flag("detach"), options.text("bundle"), options.number("count")) == (False, "", 0)
    assert options.texts("env") == []
    assert options.numbers("gid") == []


def test_two_dashes_end_the_flags() -> None:
    assert parse_flags(_FLAGS, ["--", "-d"], "")[1] == ["-d"]
    assert parse_flags(_FLAGS, ["-", "-d"], "")[1] == ["-", "-d"]


def test_a_boolean_takes_a_value_only_with_an_equals_sign() -> None:
    assert not parse_flags(_FLAGS, ["--detach=false", "x"], "")[0].flag("detach")
    assert parse_flags(_FLAGS, ["--detach", "false"], "")[1] == ["false"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bundel", "x"], "run: unknown flag --bundel; did you mean --bundle?"),
        (["--zzz"], "run: unknown flag --zzz; see orun run --help"),
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
    assert all((f"--{flag.names[0]}" in text) is not flag.hidden for flag in GLOBAL_FLAGS)


@pytest.mark.parametrize("word", ["--bundle=x", "-bundle=x", "-b=x", "--b=x"])
def test_a_name_has_one_dash_or_two(word: str) -> None:
    assert parse_flags(_FLAGS, [word], "")[0].text("bundle") == "x"


def test_a_value_may_hold_equals_signs_begin_with_a_dash_or_be_empty() -> None:
    options, rest = parse_flags(_FLAGS, ["-e=A=B=C", "-e", "--bundle", "--bundle=", "x"], "")
    assert options.texts("env") == ["A=B=C", "--bundle"]
    assert (options.text("bundle"), "bundle" in options.given, rest) == ("", True, ["x"])


def test_of_a_flag_that_is_repeated_the_last_counts_or_all_do() -> None:
    words = ["--bundle", "a", "-b", "b", "--count=1", "--count=2", "--gid=1", "--gid=-2", "-d", "-d=false"]
    options, _ = parse_flags(_FLAGS, words, "")
    assert (options.text("bundle"), options.number("count"), options.flag("detach")) == ("b", 2, False)
    assert options.numbers("gid") == [1, -2]


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("T", True), ("0", False), ("FALSE", False)])
def test_truth_is_what_go_takes_for_it(text: str, value: bool) -> None:
    assert parse_flags(_FLAGS, [f"-d={text}"], "")[0].flag("detach") is value


@pytest.mark.parametrize("text", ["", "-", "+1", "1.0", "0x1", "1_0", " 1", "--1"])
def test_a_number_is_digits_with_a_sign_at_most(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_flags(_FLAGS, [f"--gid={text}"], "")
    assert str(caught.value) == f'--gid: "{text}" is not a whole number; write digits only'


def test_a_hidden_flag_is_accepted() -> None:
    assert parse_flags(_FLAGS, ["--secret"], "")[0].flag("secret")


def test_options_of_another_call_are_not_shared() -> None:
    first, _ = parse_flags(_FLAGS, ["-e", "A"], "")
    second, _ = parse_flags(_FLAGS, [], "")
    assert (first.texts("env"), second.texts("env")) == (["A"], [])


def test_help_has_one_line_for_each_flag_in_columns() -> None:
    text = verb_help(Verb("run", "<id>", "runs", _FLAGS, minimum=1, maximum=1))
    options = text.partition("OPTIONS:\n")[2].splitlines()
    visible = [flag for flag in _FLAGS if not flag.hidden]
    assert len(options) == len(visible) + 1
    assert "   --help, -h " in options[-1]
    columns = {line.index(flag.help) for line, flag in zip(options, visible, strict=False)}
    assert len(columns) == 1
    assert text.startswith("NAME:\n   orun run - runs\n\nUSAGE:\n   orun run [command options] <id>\n")
