"""WWW-Authenticate: the challenges of one answer (RFC 9110, section 11.6.1), in one header or in several."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 -- RFC 9110's token
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?=[\s,]|$)(?!\s*=)")
# A value with `/` or `:` that lacks its quotes is not of the grammar, but sent.
_PARAMETER = re.compile(rf"[\s,]*({_TOKEN})\s*=\s*({_QUOTED}|[^\s,\"]*)")
_TOKEN68 = re.compile(r"[\s]+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))")
_MAX_LENGTH = 16 << 10


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge. The scheme and the names of parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges of all headers, in their order. What is none is left out."""
    found = []
    for header in headers:
        found += _parse(header[:_MAX_LENGTH])
    return found


def _parse(text: str) -> list[Challenge]:
    challenges: list[Challenge] = []
    parameters: dict[str, str] = {}
    position = 0
    while position < len(text):
        parameter = _PARAMETER.match(text, position)
        scheme = _SCHEME.match(text, position)
        if parameter is not None and challenges:
            parameters.setdefault(parameter[1].lower(), _unquote(parameter[2]))
            position = parameter.end()
        elif scheme is not None:
            parameters = {}
            challenges.append(Challenge(scheme[1].lower(), parameters))
            position = scheme.end()
            token68 = _TOKEN68.match(text, position)
            if token68 is not None:
                position = token68.end()
        else:
            break
    return challenges


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
