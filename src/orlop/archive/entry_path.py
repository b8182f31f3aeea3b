"""Paths of archive entries: made relative and plain, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from .contract import Limits


class NoDirectory(InvalidArgument):
    """On the way to an entry stands something that is no directory, nor a link to one."""


def normalized(path: bytes, limits: Limits) -> bytes:
    """`path` relative to the root, without `.`, empty parts and a slash at the end; b"" is the root itself.

    A slash at the start is dropped as every runtime does: archives of whole file systems have it.

    Raises:
        InvalidArgument: there is a `..` part or a NUL, or a limit is reached.
    """
    # A part that starts with a dot is rare enough to look at all parts then.
    if b"/." in path or b"//" in path or path[:1] in (b".", b"/") or path[-1:] == b"/":
        parts = [part for part in path.split(b"/") if part not in (b"", b".")]
        if b".." in parts:
            raise InvalidArgument(f'path: "{shown(path)}" has a ".." part', hint="nothing may lead out of the root")
        path = b"/".join(parts)
    if b"\x00" in path:
        raise InvalidArgument(f'path: "{shown(path)}" has a NUL byte')
    if len(path) > limits.name_bytes or len(path) > limits.depth:
        _check_limits(path, limits)
    return path


def _check_limits(path: bytes, limits: Limits) -> None:
    if len(path) > limits.path_bytes:
        raise InvalidArgument(f"path: {len(path)} bytes are over the limit of {limits.path_bytes}")
    parts = path.split(b"/")
    if len(parts) > limits.depth:
        raise InvalidArgument(f"path: {len(parts)} parts are over the limit of {limits.depth}")
    longest = max(map(len, parts))
    if longest > limits.name_bytes:
        raise InvalidArgument(f"path: a name of {longest} bytes is over the limit of {limits.name_bytes}")


def shown(path: bytes) -> str:
    """`path` as an error message can carry it: no control characters, no more than 200 bytes."""
    text = path[:200].decode("utf-8", "backslashreplace")
    # Not the codec unicode_escape: codecs are imported when first used, and the unpacker can import nothing by then.
    text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return text + "..." if len(path) > 200 else text
