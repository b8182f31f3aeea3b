"""Fields of an image's documents by type. A field that is null is one that is not there (config.md, Properties)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument

from .field_checks import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOUR, _UNTIL_60 = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_TIME = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>[0-9]{2})"
    rf"T{_HOUR}:{_UNTIL_60}:{_UNTIL_60}(?:\.[0-9]+)?(?:Z|[+-]{_HOUR}:{_UNTIL_60})"
)
_FEBRUARY = 2
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def text_of(value: Mapping[str, Any], key: str, place: str, *, required: bool = False) -> str:
    """A text, "" when it is not there. Raises InvalidArgument for another type, or for a required one's absence."""
    found = value.get(key)
    if found is None:
        if required:
            raise InvalidArgument(f"{place}.{key}: is missing")
        return ""
    if not isinstance(found, str):
        raise InvalidArgument(f"{place}.{key}: must be a text, not {_kind(found)}")
    return found


def time_of(value: Mapping[str, Any], key: str, place: str) -> str:
    """A time as RFC 3339 writes it, as it stands; "" when it is not there. Go's readers refuse another, too."""
    found = text_of(value, key, place)
    if value.get(key) is not None and not _is_time(found):
        raise InvalidArgument(f"{place}.{key}: {shown(found)} is not a time", hint="write 2006-01-02T15:04:05Z")
    return found


def _is_time(text: str) -> bool:
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    year, month, day = (int(match[name]) for name in ("year", "month", "day"))
    is_leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= day <= _DAYS[month - 1] - (month == _FEBRUARY and not is_leap_year)


def flag_of(value: Mapping[str, Any], key: str, place: str) -> bool:
    """A truth value, false when it is not there."""
    found = value.get(key)
    if found is not None and not isinstance(found, bool):
        raise InvalidArgument(f"{place}.{key}: must be true or false, not {_kind(found)}")
    return bool(found)


def integer_of(value: Mapping[str, Any], key: str, place: str) -> int:
    """An integer from 0 to 2^63 - 1, 0 when it is not there."""
    found = value.get(key)
    if found is None:
        return 0
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 1 << 63:
        raise InvalidArgument(f"{place}.{key}: must be an integer that is not negative")
    return found


def texts_of(value: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    """A list of texts, empty when it is not there."""
    return tuple(
        one if isinstance(one, str) else _refuse(f"{place}.{key}[{index}]", "a text", one)
        for index, one in enumerate(list_of(value, key, place))
    )


def list_of(value: Mapping[str, Any], key: str, place: str) -> list[Any]:
    """A list, empty when it is not there."""
    found = value.get(key)
    if found is None:
        return []
    return found if isinstance(found, list) else _refuse(f"{place}.{key}", "a list", found)


def object_of(value: Mapping[str, Any], key: str, place: str) -> dict[str, Any]:
    """An object, empty when it is not there."""
    found = value.get(key)
    if found is None:
        return {}
    return found if isinstance(found, dict) else _refuse(f"{place}.{key}", "an object", found)


def strings_of(value: Mapping[str, Any], key: str, place: str) -> dict[str, str]:
    """An object whose values are texts, empty when it is not there (annotations, labels)."""
    found = object_of(value, key, place)
    for name, one in found.items():
        if not isinstance(one, str):
            raise InvalidArgument(f"{place}.{key}[{shown(name)}]: must be a text, not {_kind(one)}")
    return found


def names_of(value: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    """The keys of an object of empty objects, which is how Go writes a set (ExposedPorts, Volumes)."""
    found = object_of(value, key, place)
    for name, one in found.items():
        if one is not None and not isinstance(one, dict):
            raise InvalidArgument(f"{place}.{key}[{shown(name)}]: must be an object, not {_kind(one)}")
    return tuple(found)


def _refuse(place: str, wanted: str, value: Any) -> Any:
    raise InvalidArgument(f"{place}: must be {wanted}, not {_kind(value)}")


def _kind(value: Any) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), "null")
