"""Fields by type: absent and null are the same, another type is an error that names the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.image_fields import (
    flag_of,
    integer_of,
    list_of,
    names_of,
    object_of,
    strings_of,
    text_of,
    texts_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_EMPTY: list[tuple[Callable[..., Any], Any]] = [
    (text_of, ""),
    (time_of, ""),
    (flag_of, False),
    (integer_of, 0),
    (texts_of, ()),
    (list_of, []),
    (object_of, {}),
    (strings_of, {}),
    (names_of, ()),
]


@pytest.mark.parametrize(("reader", "empty"), _EMPTY)
@pytest.mark.parametrize("value", [{}, {"k": None}])
def test_absent_and_null_are_the_same(reader: Callable[..., Any], empty: Any, value: dict[str, Any]) -> None:
    assert reader(value, "k", "config") == empty


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        (text_of, "x", "x"),
        (time_of, "2024-02-29T23:59:59.5+23:59", "2024-02-29T23:59:59.5+23:59"),
        (time_of, "0000-02-29T00:00:00Z", "0000-02-29T00:00:00Z"),
        (time_of, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
        (time_of, "2023-12-31T00:00:00Z", "2023-12-31T00:00:00Z"),
        (flag_of, True, True),
        (integer_of, (1 << 63) - 1, (1 << 63) - 1),
        (texts_of, ["a", "b"], ("a", "b")),
        (list_of, [1], [1]),
        (object_of, {"a": 1}, {"a": 1}),
        (strings_of, {"a": ""}, {"a": ""}),
        (names_of, {"80/tcp": {}, "/data": None}, ("80/tcp", "/data")),
    ],
)
def test_a_value_of_the_type_is_returned(reader: Callable[..., Any], value: Any, expected: Any) -> None:
    assert reader({"k": value}, "k", "config") == expected


@pytest.mark.parametrize(
    ("reader", "value", "message"),
    [
        (text_of, 123, "config.k: must be a text, not a number"),
        (time_of, "1900-02-29T00:00:00Z", "config.k: .* is not a time"),
        (time_of, "2023-04-31T00:00:00Z", "config.k: .* is not a time"),
        (time_of, "2023-01-00T00:00:00Z", "config.k: .* is not a time"),
        (time_of, 1, "config.k: must be a text, not a number"),
        (time_of, "2023-02-29T00:00:00Z", 'config.k: "2023-02-29T00:00:00Z" is not a time; write 2006-01-02T15:04:05Z'),
        (flag_of, "true", "config.k: must be true or false, not a text"),
        (integer_of, -1, "config.k: must be an integer that is not negative"),
        (integer_of, True, "config.k: must be an integer"),
        (integer_of, 1 << 63, "config.k: must be an integer"),
        (integer_of, 1.5, "config.k: must be an integer"),
        (texts_of, "sh", "config.k: must be a list, not a text"),
        (texts_of, ["a", 7], r"config.k\[1\]: must be a text, not a number"),
        (texts_of, [None], r"config.k\[0\]: must be a text, not null"),
        (list_of, {}, "config.k: must be a list, not an object"),
        (object_of, [], "config.k: must be an object, not a list"),
        (strings_of, {"a": 1}, r'config.k\["a"\]: must be a text'),
        (names_of, ["/data"], "config.k: must be an object, not a list"),
        (names_of, {"/data": "x"}, r'config.k\["/data"\]: must be an object, not a text'),
    ],
)
def test_another_type_is_refused(reader: Callable[..., Any], value: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{message}"):
        reader({"k": value}, "k", "config")


def test_a_required_text_must_be_there() -> None:
    with pytest.raises(InvalidArgument, match=r"^config\.os: is missing$"):
        text_of({"os": None}, "os", "config", required=True)
