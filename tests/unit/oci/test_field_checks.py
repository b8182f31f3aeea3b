"""The building blocks of the schema, each alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument, NotImplementedFeature
from orlop.oci.config_names import CAPABILITY_NAMES, NAMESPACE_TYPES, SECCOMP_ACTIONS
from orlop.oci.field_checks import (
    Context,
    array,
    has_control_character,
    integer,
    mapping,
    nearest,
    nearest_word,
    not_yet,
    one_of,
    path_or_empty,
    record,
    shown,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.oci.field_checks import Check


def _refusal(check: Check, value: Any, path: str = "field") -> str:
    with pytest.raises(InvalidArgument) as caught:
        check(value, path, Context("file"))
    return str(caught.value)


def test_an_error_without_a_path_names_the_source_only() -> None:
    assert _refusal(record({}), [], "") == "file: [] is not an object; write {...}"


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 100) == '"' + "x" * 59 + "..."
    assert shown("x" * 58) == '"' + "x" * 58 + '"'


def test_a_value_with_a_line_break_is_shown_on_one_line() -> None:
    assert shown({"a": "b\nc"}) == '{"a":"b\\nc"}'


def test_a_value_too_deep_to_be_shown_is_said_to_be_so() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert shown(value) == "a deeply nested value"
    while value:
        value = value[0]


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("net", NAMESPACE_TYPES, "network"),
        ("mnt", NAMESPACE_TYPES, "mount"),
        ("PID", NAMESPACE_TYPES, "pid"),
        ("", NAMESPACE_TYPES, ""),
        ("quux", NAMESPACE_TYPES, ""),
        ("cap_net_admin", CAPABILITY_NAMES, "CAP_NET_ADMIN"),
        ("NET_ADMIN", CAPABILITY_NAMES, "CAP_NET_ADMIN"),
        ("CAP_QUUX", CAPABILITY_NAMES, ""),
        ("allow", SECCOMP_ACTIONS, "SCMP_ACT_ALLOW"),
        ("x", (), ""),
    ],
)
def test_the_nearest_word_is_offered(word: str, known: Sequence[str], expected: str) -> None:
    assert nearest_word(word, known) == expected


def test_where_no_word_is_near_all_are_listed_and_many_are_cut() -> None:
    assert nearest("quux", ("a", "b")) == "use one of a, b"
    assert nearest("quux", list("abcdefghijkl")).endswith(", k, l")
    assert nearest("quux", [f"w{number}" for number in range(20)]).endswith(", w11, ...")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("a b", False), ("é \u00a0\u2028", False), ("a\nb", True), ("\x7f", True), ("\0", True), ("", False)],
)
def test_control_characters_are_those_below_space_and_delete(word: str, *, expected: bool) -> None:
    assert has_control_character(word) is expected


def test_text_may_be_empty_unless_it_may_not() -> None:
    text()("", "field", Context("file"))
    assert _refusal(text(empty=False), "") == "file: field: it is empty; give a value"


def test_an_integer_is_inclusive_at_both_ends() -> None:
    check = integer(-1, 5)
    for value in (-1, 5):
        check(value, "field", Context("file"))
    for value in (-2, 6):
        assert _refusal(check, value) == f"file: field: {value} is out of range; use -1 to 5"


def test_a_word_may_be_empty_where_that_means_unset() -> None:
    one_of(("a",), "letter", empty=True)("", "field", Context("file"))
    assert _refusal(one_of(("a",), "letter"), "") == 'file: field: "" is not a letter; use one of a'
    assert _refusal(one_of(("a",), "letter"), ["a"]) == 'file: field: ["a"] is not a letter; use one of a'


def test_a_path_may_be_empty_where_that_means_unset() -> None:
    path_or_empty("", "field", Context("file"))
    assert _refusal(path_or_empty, "x") == 'file: field: "x" is not an absolute path; begin it with /'


def test_an_element_is_named_by_its_index_and_a_value_by_its_key() -> None:
    check = array(mapping(integer(0, 1)))
    assert _refusal(check, [{}, {"a": 2}]) == "file: field[1].a: 2 is out of range; use 0 to 1"


def test_an_object_tells_what_it_does_not_know_and_drops_what_is_null() -> None:
    context = Context("file")
    value = {"a": 1, "b": None, "c": None, "x": [None], "y": None}
    record({"a": integer(0, 1), "b": integer(0, 1)})(value, "field", context)
    assert value == {"a": 1, "x": [None]}
    assert context.unknown == [("field.x", ("a", "b"))]


def test_a_required_property_that_is_null_is_missing() -> None:
    check = record({"a": text()}, ("a",))
    assert _refusal(check, {"a": None}) == "file: field.a: it is missing; the specification requires it"


def test_many_null_properties_cost_no_more_than_others() -> None:
    """Quadratic work here would let a 16 MiB document block a resident planner."""
    value: dict[str, Any] = dict.fromkeys(map(str, range(200_000)))
    record({})(value, "", Context("file"))
    assert value == {}


@pytest.mark.parametrize("value", [1, -1, "x", True, [[[1]]], {"a": {"b": "x"}}, 0.5])
def test_what_asks_for_something_is_not_supported_yet(value: Any) -> None:
    with pytest.raises(NotImplementedFeature, match=r"^file: field: not supported by this version of orun; remove it$"):
        not_yet(value, "field", Context("file"))


@pytest.mark.parametrize("value", [0, "", False, [], {}, [[], {}], {"a": {"b": 0, "c": None}}, 0.0])
def test_what_asks_for_nothing_is_taken(value: Any) -> None:
    not_yet(value, "field", Context("file"))


def test_an_unsupported_thing_can_be_named() -> None:
    with pytest.raises(NotImplementedFeature) as caught:
        Context("file").not_supported("a[0]", '"remount"', "do without")
    assert str(caught.value) == 'file: a[0]: "remount" is not supported by this version of orun; do without'


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("cwd", "--cwd"),
        ("env[3]", "--env"),
        ("user.uid", "--user"),
        ("userx", "exec: userx"),
        ("args", "exec: args"),
        ("", "exec"),
    ],
)
def test_a_field_that_a_flag_set_is_named_by_it(path: str, place: str) -> None:
    context = Context("exec", {"cwd": "--cwd", "env": "--env", "user": "--user"})
    assert context.place(path) == place
    with pytest.raises(InvalidArgument, match=f"^{re.escape(place)}: why$"):
        context.refuse(path, "why", "")
