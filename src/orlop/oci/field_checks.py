"""The building blocks of a schema: checks of one JSON value each, made once, called with (value, path, context).

A check raises InvalidArgument that names the field, or returns. An object's check also collects properties that the
spec does not define (they are ignored, as it demands, but can be told), and drops those that are null, which Go's
decoder treats as absent.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument, NotImplementedFeature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

    Check = Callable[[Any, str, "Context"], None]

_SHOWN_MAX = 60
_LISTED_MAX = 12


class Context:
    """What one validation knows: the source's name for messages, and the unknown properties it met.

    `flags` has the flags of the command line that set a field, which are named instead of it. `unknown` has, for each
    unknown property, its path and the names that would have been known there.
    """

    __slots__ = ("flags", "source", "unknown")

    def __init__(self, source: str, flags: Mapping[str, str] | None = None) -> None:
        self.source = source
        self.flags = flags or {}
        self.unknown: list[tuple[str, Sequence[str]]] = []

    def refuse(self, path: str, why: str, hint: str) -> NoReturn:
        """Raise InvalidArgument about a field."""
        raise InvalidArgument(f"{self.place(path)}: {why}", hint=hint)

    def not_supported(self, path: str, what: str = "", hint: str = "remove it") -> NoReturn:
        """Raise NotImplementedFeature about a field that the spec has and this version has not."""
        subject = f"{what} is not supported" if what else "not supported"
        raise NotImplementedFeature(f"{self.place(path)}: {subject} by this version of orun", hint=hint)

    def place(self, path: str) -> str:
        """How an error names a field: by source and path, or by the flag that set it or what it is in."""
        for field, flag in self.flags.items():
            if path == field or (path.startswith(field) and path[len(field)] in ".["):
                return flag
        return f"{self.source}: {path}" if path else self.source


def shown(value: Any) -> str:
    """A value as an error shows it: short, on one line, in JSON's own words."""
    from orlop.oci.json_codec import encode

    try:
        text = encode(value)
    except InvalidArgument:
        return "a deeply nested value"
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def nearest(word: str, known: Sequence[str]) -> str:
    """Advice that offers the nearest known word, or the first of them."""
    match = nearest_word(word, known)
    if match:
        return f'use "{match}"'
    rest = ", ..." if len(known) > _LISTED_MAX else ""
    return f"use one of {', '.join(known[:_LISTED_MAX])}{rest}"


def nearest_word(word: str, known: Sequence[str]) -> str:
    """The known word that was probably meant; "" if none is near."""
    from difflib import get_close_matches  # only when an error or a debug line is told

    prefix = _common_prefix(known)  # CAP_ and the like make everything look near
    folded = {one[len(prefix) :].casefold(): one for one in known}
    wanted = word.casefold().removeprefix(prefix.casefold())
    match = get_close_matches(wanted, list(folded), 1) or [one for one in folded if wanted and one.startswith(wanted)]
    return folded[match[0]] if match else ""


def _common_prefix(words: Sequence[str]) -> str:
    first, last = min(words, default=""), max(words, default="")
    length = next((place for place, letter in enumerate(first) if last[place : place + 1] != letter), 0)
    return first[: first.rfind("_", 0, length) + 1]


def has_control_character(word: str) -> bool:
    """Whether a line break, a NUL or another control character is in it."""
    return not word.isprintable() and any(character < " " or character == "\x7f" for character in word)


def text(*, empty: bool = True) -> Check:
    """A string without NUL bytes, which no system call can be given."""

    def check(value: Any, path: str, context: Context) -> None:
        if type(value) is not str:
            context.refuse(path, f"{shown(value)} is not a string", "write a string")
        if "\0" in value:
            context.refuse(path, "it holds a NUL byte", "remove it")
        if not value and not empty:
            context.refuse(path, "it is empty", "give a value")

    return check


def boolean(value: Any, path: str, context: Context) -> None:
    """true or false."""
    if value is not True and value is not False:
        context.refuse(path, f"{shown(value)} is not a boolean", "write true or false")


def integer(low: int, high: int) -> Check:
    """A whole number from `low` to `high`; a boolean, a float or a string of digits is none."""

    def check(value: Any, path: str, context: Context) -> None:
        if type(value) is not int:
            context.refuse(path, f"{shown(value)} is not a whole number", f"write a number from {low} to {high}")
        if not low <= value <= high:
            context.refuse(path, f"{value} is out of range", f"use {low} to {high}")

    return check


def one_of(words: Sequence[str], what: str, *, empty: bool = False) -> Check:
    """One of the spec's words."""
    known = frozenset(words)

    def check(value: Any, path: str, context: Context) -> None:
        if type(value) is not str or (value not in known and not (empty and not value)):
            context.refuse(path, f"{shown(value)} is not a {what}", nearest(value if type(value) is str else "", words))

    return check


def absolute_path(value: Any, path: str, context: Context) -> None:
    """A path that begins with a slash."""
    if type(value) is not str or not value.startswith("/") or "\0" in value:
        context.refuse(path, f"{shown(value)} is not an absolute path", "begin it with /")


def path_or_empty(value: Any, path: str, context: Context) -> None:
    """A path that begins with a slash, or the empty string, which is as good as none."""
    if value != "":
        absolute_path(value, path, context)


def array(check_item: Check, *, empty: bool = True) -> Check:
    """An array of values that all pass `check_item`."""

    def check(value: Any, path: str, context: Context) -> None:
        if type(value) is not list:
            context.refuse(path, f"{shown(value)} is not an array", "write [...]")
        if not value and not empty:
            context.refuse(path, "it is empty", "give at least one entry")
        for index, item in enumerate(value):
            check_item(item, f"{path}[{index}]", context)

    return check


def mapping(check_value: Check) -> Check:
    """An object whose keys are the user's own."""

    def check(value: Any, path: str, context: Context) -> None:
        if type(value) is not dict:
            context.refuse(path, f"{shown(value)} is not an object", "write {...}")
        for key, item in value.items():
            if not key:
                context.refuse(path, "a key is empty", "give it a name")
            if has_control_character(key):
                context.refuse(path, f"the key {shown(key)} holds a control character", "remove it")
            check_value(item, f"{path}.{key}", context)

    return check


def record(fields: dict[str, Check], required: Sequence[str] = ()) -> Check:
    """An object with the spec's own properties."""

    def check(value: Any, path: str, context: Context) -> None:
        if type(value) is not dict:
            context.refuse(path, f"{shown(value)} is not an object", "write {...}")
        prefix = f"{path}." if path else ""
        nulls: list[str] = []
        for key, item in value.items():
            check_field = fields.get(key)
            if item is None:
                nulls.append(key)
            elif check_field is None:
                context.unknown.append((prefix + key, tuple(fields)))
            else:
                check_field(item, prefix + key, context)
        for key in nulls:
            del value[key]
        for key in required:
            if key not in value:
                context.refuse(prefix + key, "it is missing", "the specification requires it")

    return check


def not_yet(value: Any, path: str, context: Context) -> None:
    """A property of the spec that this version cannot honour: an error, unless it is empty and so asks for nothing."""
    if not _asks_for_nothing(value):
        context.not_supported(path)


def not_yet_by_name(value: Any, path: str, context: Context) -> None:
    """The same for a property whose keys ask for something by being there."""
    if value != {}:
        context.not_supported(path)


def _asks_for_nothing(value: Any) -> bool:
    """Null, false, zero or empty, also within: Docker writes `blockIO: {"weight": 0}`."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
        elif one:
            return False
    return True


def ignored(value: Any, path: str, context: Context) -> None:
    """A property that has no effect here."""
