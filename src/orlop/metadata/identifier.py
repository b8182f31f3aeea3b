"""Identifiers, as containerd has them (pkg/identifiers): what may name a namespace, and is safe as a part of a path."""

from __future__ import annotations

import re

from orlop.errors import InvalidArgument

MAX_LENGTH = 76
_IDENTIFIER = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")


def checked_identifier(text: str, *, place: str) -> str:
    """The text itself; `place` says in the error where it came from.

    Raises:
        InvalidArgument: it is no identifier.
    """
    if not text:
        raise InvalidArgument(f"{place}: must not be empty")
    if len(text) > MAX_LENGTH:
        raise InvalidArgument(f'{place}: "{text}" has {len(text)} characters; at most {MAX_LENGTH} are allowed')
    if not _IDENTIFIER.fullmatch(text):
        raise InvalidArgument(
            f"{place}: {text!r} is no identifier",
            hint="use letters and digits, with single dots, dashes and underscores between them",
        )
    return text
