"""JSON documents of images, decoded strictly: what two readers could understand differently is refused.

A registry is not trusted, and a digest only says that a document is the one which was named. Go's decoder takes the
last of two equal keys, and takes `Layers` for `layers`; another reader takes the first, or none. So a document with
either means one image to the scanner and another to the runtime (the idea of GHSA-5j5w-g665-5m35), and is no image.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from orlop.errors import InvalidArgument

from .field_checks import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST_MAX_BYTES = 4 << 20  # what registries and clients agree on (distribution-spec, "Pushing Manifests")
CONFIG_MAX_BYTES = 8 << 20  # buildkit keeps its inline cache in the configuration
DEPTH_MAX = 64  # Healthcheck, the deepest that anybody writes, is 4

_HINT = "it must be a JSON document"


class _RefusedError(ValueError):
    """Something that JSON, or we, do not have."""


def decode_object(data: bytes, *, place: str, max_bytes: int) -> dict[str, Any]:
    """The object that a document is; `place` opens every error.

    Raises:
        InvalidArgument: it is too large, too deep, no UTF-8, no JSON, no object, has a key twice in one object, or
            half of a surrogate pair.
    """
    if len(data) > max_bytes:
        raise InvalidArgument(f"{place}: {len(data)} bytes are more than the {max_bytes} that are read")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object_of, parse_constant=_refuse_constant, parse_float=float
        )
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{place}: byte {error.start} is not UTF-8", hint="JSON is UTF-8") from None
    except RecursionError:
        raise InvalidArgument(f"{place}: nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise InvalidArgument(f"{place}: {where}: {_lower_first(error.msg)}", hint=_HINT) from None
    except _RefusedError as error:
        raise InvalidArgument(f"{place}: {error}") from None
    except ValueError:  # int() refuses more digits than sys.get_int_max_str_digits()
        raise InvalidArgument(f"{place}: a number has too many digits", hint="write a smaller one") from None
    _check_values(value, place)
    if not isinstance(value, dict):
        raise InvalidArgument(f"{place}: must be an object")
    return value


def refuse_other_case(value: dict[str, Any], known: Iterable[str], *, place: str) -> None:
    """Raises InvalidArgument for a key that is a known one but for upper and lower case: Go reads it as that one."""
    by_case = {name.casefold(): name for name in known}
    for key in value:
        name = by_case.get(key.casefold())
        if name is not None and name != key:
            raise InvalidArgument(
                f'{place}: {shown(key)} is not "{name}", but some readers take it for that', hint="fix it"
            )


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RefusedError(f"{shown(key)} is there twice in one object")
            seen.add(key)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not a JSON number")


def _check_values(value: Any, place: str) -> None:
    level, depth = [value], 0
    while level:
        if depth > DEPTH_MAX:
            raise InvalidArgument(f"{place}: nested more than {DEPTH_MAX} deep")
        following: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                following.extend(one)
                following.extend(one.values())
            elif isinstance(one, list):
                following.extend(one)
            elif isinstance(one, str) and not one.isascii():
                _check_text(one, place)
        level, depth = following, depth + 1


def _check_text(text: str, place: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        escape = f"\\u{ord(text[error.start]):04x}"
        raise InvalidArgument(f"{place}: {escape} is half a character", hint="write both halves") from None


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
