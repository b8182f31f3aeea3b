"""JSON by the interpreter's own C scanner and encoder, without the json package.

Importing `json` costs more than a container's start. Only a syntax error loads it, for its exception.
"""

from __future__ import annotations

import _json

from orlop.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

DOCUMENT_MAX_BYTES = 16 << 20

_SPACE = " \t\r\n"
_SORT_KEYS_SKIP_KEYS_ALLOW_NAN = (False, False, False)
_HINT = "it must be a JSON document"


class _NumberError(Exception):
    """A number that JSON does not have."""


def _parse_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _NumberError(f"{text} is too large")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _NumberError(f"{name} is not a JSON number")


class _Context:
    """What the C scanner asks about, by attribute."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = staticmethod(_parse_float)
    parse_int = int
    parse_constant = staticmethod(_refuse_constant)


def _refuse_object(value: Any) -> NoReturn:
    raise TypeError(f"{type(value).__name__} has no JSON form")


# Stateless, so shared: no markers (a cycle ends in RecursionError), no NaN, keys in their order.
_compact = _json.make_encoder(
    None, _refuse_object, _json.encode_basestring_ascii, None, ":", ",", *_SORT_KEYS_SKIP_KEYS_ALLOW_NAN
)


def decode(data: bytes | str, source: str) -> Any:
    """The value of a JSON document. `source` is what an error calls it.

    Of a key that is given twice the last value counts, as in Go.

    Raises:
        InvalidArgument: it is larger than 16 MiB, not UTF-8, not JSON, or nested too deeply, or a string in it has no
            UTF-8 form. A syntax error is named by line and column.
    """
    if len(data) > DOCUMENT_MAX_BYTES:
        raise InvalidArgument(f"{source}: {len(data)} bytes are more than 16 MiB", hint="make it smaller")
    text = _text(data, source)
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan(text, start)
    except StopIteration as error:
        raise _syntax_error(text, error.value, "a value is missing", source) from None
    except RecursionError:
        raise InvalidArgument(f"{source}: nested too deeply", hint="make it flatter") from None
    except _NumberError as error:
        raise InvalidArgument(f"{source}: {error}", hint="write a number") from None
    except ValueError as error:
        position = getattr(error, "pos", None)
        if position is None:  # int() refuses more digits than sys.get_int_max_str_digits()
            raise InvalidArgument(f"{source}: a number has too many digits", hint="write a smaller one") from None
        raise _syntax_error(text, position, getattr(error, "msg", ""), source) from None
    if text[end:].strip(_SPACE):
        end += len(text[end:]) - len(text[end:].lstrip(_SPACE))
        raise _syntax_error(text, end, "something follows the document", source)
    if "\\ud" in text or "\\uD" in text:
        _refuse_lone_surrogates(value, source)
    return value


def encode(value: Any, indent: int | None = None) -> str:
    """A value as JSON: compact, or indented as Go's json.MarshalIndent does it. Keys keep their order.

    All characters outside of ASCII are escaped, so any str, also a path that is not UTF-8, has a form.

    Raises:
        InvalidArgument: it is nested too deeply.
    """
    try:
        if indent is None:
            return "".join(_compact(value, 0))
        parts: list[str] = []
        _indented(value, parts, " " * indent, "\n")
        return "".join(parts)
    except RecursionError:
        raise InvalidArgument("the JSON document is nested too deeply", hint="make it flatter") from None


def _indented(value: Any, parts: list[str], step: str, newline: str) -> None:
    inner = newline + step
    if isinstance(value, dict) and value:
        opening = "{"
        for key, item in value.items():
            parts.append(f"{opening}{inner}{''.join(_compact(key, 0))}: ")
            _indented(item, parts, step, inner)
            opening = ","
        parts.append(newline + "}")
    elif isinstance(value, (list, tuple)) and value:
        opening = "["
        for item in value:
            parts.append(opening + inner)
            _indented(item, parts, step, inner)
            opening = ","
        parts.append(newline + "]")
    else:
        parts.extend(_compact(value, 0))


def _scan(text: str, start: int) -> tuple[Any, int]:
    # The stub wants a json.JSONDecoder; the scanner only reads these attributes.
    scanner = _json.make_scanner(_Context)  # type: ignore[arg-type]
    try:
        return scanner(text, start)
    except SystemError:
        # Python 3.11 can report a syntax error only once json.decoder, which has its exception, is loaded.
        import json.decoder  # noqa: F401

        return scanner(text, start)


def _text(data: bytes | str, source: str) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{source}: byte {error.start} is not UTF-8", hint="JSON is UTF-8") from None


def _refuse_lone_surrogates(value: Any, source: str) -> None:
    """Half of a UTF-16 pair, which an escape can write, is in no path, name or argument that a kernel takes."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            try:
                one.encode("utf-8")
            except UnicodeEncodeError as error:
                escape = f"\\u{ord(one[error.start]):04x}"
                raise InvalidArgument(f"{source}: {escape} is half a character", hint="write both halves") from None
        elif isinstance(one, dict):
            rest.extend(one)
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)


def _syntax_error(text: str, position: int, reason: str, source: str) -> InvalidArgument:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    reason = reason[:1].lower() + reason[1:].removesuffix(" at")
    return InvalidArgument(f"{source}: line {line} column {column}: {reason}", hint=_HINT)
