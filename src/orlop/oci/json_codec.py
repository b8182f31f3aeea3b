"""JSON by the interpreter's own C scanner, without the json package, whose import costs more than a container's start."""

from __future__ import annotations

import _json

from orlop.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SPACE = " \t\r\n"
_quote = _json.encode_basestring_ascii


class _Context:
    """What the C scanner asks about, by attribute."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo: dict[str, str] = {}  # noqa: RUF012 (the scanner's own, emptied by it)

    @staticmethod
    def parse_constant(name: str) -> float:
        raise InvalidArgument(f"{name} is no JSON", hint="write a number")


def decode(data: bytes, source: str) -> Any:
    """The value of a JSON document. `source` is what an error calls it.

    Raises:
        InvalidArgument: it is not UTF-8, not JSON, or nested too deeply; line and column are named.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{source}: byte {error.start} is not UTF-8", hint="JSON is UTF-8") from None
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _json.make_scanner(_Context)(text, start)
    except StopIteration as error:
        raise _syntax_error(text, error.value, "a value is missing", source) from None
    except RecursionError:
        raise InvalidArgument(f"{source}: nested too deeply", hint="make it flatter") from None
    except ValueError as error:
        position, reason = getattr(error, "pos", 0), getattr(error, "msg", str(error))
        raise _syntax_error(text, position, reason, source) from None
    if text[end:].strip(_SPACE):
        raise _syntax_error(text, end, "something follows the document", source)
    return value


def encode(value: Any, indent: int | None = None) -> str:
    """A value as JSON: compact, or indented as Go's json.MarshalIndent does it. Keys keep their order."""
    parts: list[str] = []
    _encode(value, parts, indent, "\n")
    return "".join(parts)


def _encode(value: Any, parts: list[str], indent: int | None, newline: str) -> None:
    if isinstance(value, str):
        parts.append(_quote(value))
    elif value is None:
        parts.append("null")
    elif value is True:
        parts.append("true")
    elif value is False:
        parts.append("false")
    elif isinstance(value, (int, float)):
        parts.append(repr(value))
    elif isinstance(value, dict):
        _encode_items(value.items(), "{}", parts, indent, newline)
    else:
        _encode_items(((None, one) for one in value), "[]", parts, indent, newline)


def _encode_items(items: Any, brackets: str, parts: list[str], indent: int | None, newline: str) -> None:
    inner = newline + " " * (indent or 0)
    parts.append(brackets[0])
    is_first = True
    for key, value in items:
        if not is_first:
            parts.append(",")
        if indent is not None:
            parts.append(inner)
        if key is not None:
            parts.append(_quote(key))
            parts.append(":" if indent is None else ": ")
        _encode(value, parts, indent, inner)
        is_first = False
    if indent is not None and not is_first:
        parts.append(newline)
    parts.append(brackets[1])


def _syntax_error(text: str, position: int, reason: str, source: str) -> InvalidArgument:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    reason = reason[:1].lower() + reason[1:]
    return InvalidArgument(f"{source}: line {line} column {column}: {reason}", hint="it must be a JSON document")
