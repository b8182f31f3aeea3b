"""Whiteouts: file names by which a layer says that something of the layers below is gone (image-spec, layer.md)."""

from __future__ import annotations

from enum import Enum

from orlop.errors import InvalidArgument

PREFIX = b".wh."
_AUFS_PREFIX = b".wh..wh."
OPAQUE_NAME = b".wh..wh..opq"


class Whiteout(Enum):
    """What an entry's name asks for."""

    REMOVE = "remove"  # one name of the same directory
    OPAQUE = "opaque"  # all that lower layers have in the same directory
    IGNORED = "ignored"  # what aufs kept for itself, which old images carry along


def parse_whiteout(path: bytes) -> tuple[Whiteout, bytes] | None:
    """What the entry at `path` asks for, and the name to be removed; None where it is no whiteout.

    Raises:
        InvalidArgument: the whiteout names nothing that could be there, or has something beneath it.
    """
    if PREFIX not in path:
        return None
    parent, _, name = path.rpartition(b"/")
    if name == OPAQUE_NAME:
        kind, target = Whiteout.OPAQUE, b""
    elif name.startswith(_AUFS_PREFIX):
        kind, target = Whiteout.IGNORED, b""
    elif name.startswith(PREFIX):
        kind, target = Whiteout.REMOVE, name.removeprefix(PREFIX)
        if target in (b"", b".", b".."):
            raise InvalidArgument(
                f'whiteout: ".wh.{target.decode()}" names no file', hint="the image is broken, or hostile"
            )
    else:
        return _beneath(path, parent)
    return _beneath(path, parent) or (kind, target)


def _beneath(path: bytes, parent: bytes) -> tuple[Whiteout, bytes] | None:
    """What parts that are whiteouts make of an entry beneath them."""
    parts = [part for part in parent.split(b"/") if part.startswith(PREFIX)]
    if not parts:
        return None
    if parts[0].startswith(_AUFS_PREFIX) and parts[0] != OPAQUE_NAME:
        return Whiteout.IGNORED, b""
    name = path.decode("utf-8", "backslashreplace")
    raise InvalidArgument(f'whiteout: "{name[:200]}" stands beneath a whiteout', hint="the image is broken, or hostile")
