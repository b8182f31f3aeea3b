"""Container ids: parsed once, at the edge."""

from __future__ import annotations

from orlop.errors import InvalidArgument

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-")
_OTHERS = _FIRST | {"."}
_LENGTH_MAX = 200  # with what we put around it, it must still be a file name (255 bytes); runc's 1024 never fit
_SHOWN_MAX = 60


class ContainerId(str):
    """A valid container id: `[A-Za-z0-9_+-][A-Za-z0-9_+.-]*`."""

    __slots__ = ()


def parse_container_id(text: str) -> ContainerId:
    """The id that `text` is.

    Raises:
        InvalidArgument: it is none. It never names a path outside of the state root, nor a hidden file.
    """
    if not text:
        raise InvalidArgument("container id: it is empty", hint="give a name")
    if len(text) > _LENGTH_MAX:
        raise InvalidArgument(
            f'container id: "{_printable(text[:_SHOWN_MAX])}..." has {len(text)} characters',
            hint=f"use {_LENGTH_MAX} at most",
        )
    if text[0] not in _FIRST or not _OTHERS.issuperset(text):
        raise InvalidArgument(
            f'container id: "{_printable(text)}" is not valid', hint="use letters, digits, _ + - and . (not first)"
        )
    return ContainerId(text)


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
