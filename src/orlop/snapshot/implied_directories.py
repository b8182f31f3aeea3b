"""What directories get that only lower layers describe: the attributes of the uppermost layer below that has them.

A layer that is unpacked apart from its parent has directories that it has no entry of, with attributes that nobody
chose. In an overlay they would hide what a lower layer says of them: /tmp would not be 1777 any more.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Protocol

from orlop.archive.index_file import DirectoryAttributes
from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack
    from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MARKS = ("trusted.overlay.", "user.overlay.")


class LayerDirectories(Protocol):
    """The directories of one layer, in whatever form it is."""

    def look(self, path: bytes) -> DirectoryAttributes:
        """What the directory is.

        Raises:
            FileNotFoundError: the layer has nothing there.
            NotADirectoryError: something else is there, or on the way. It hides what lower layers have.
        """

    def set_attributes(self, path: bytes, attributes: DirectoryAttributes) -> None:
        """Make it this."""


class DirectoryTree:
    """The directories of a layer that is itself a directory."""

    def __init__(self, root: Path) -> None:
        self._root_fd = os.open(root, _FLAGS)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._root_fd)

    def look(self, path: bytes) -> DirectoryAttributes:
        """See LayerDirectories."""
        fd = self._open(path)
        try:
            found = os.fstat(fd)
            xattrs = {os.fsencode(name): os.getxattr(fd, name) for name in _xattr_names(fd)}
            return DirectoryAttributes.of((found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns), xattrs)
        finally:
            os.close(fd)

    def set_attributes(self, path: bytes, attributes: DirectoryAttributes) -> None:
        """See LayerDirectories. Overlayfs's marks stay, other extended attributes that it had go."""
        fd = self._open(path)
        try:
            set_directory_attributes(fd, attributes)
        finally:
            os.close(fd)

    def _open(self, path: bytes) -> int:
        """Part by part: what was unpacked may have links anywhere, and who unpacked it tells us the paths."""
        fd = os.open(".", _FLAGS, dir_fd=self._root_fd)
        for part in path.split(b"/") if path else ():
            try:
                if part in (b"", b".", b".."):
                    raise InvalidArgument(f"cannot give attributes to a directory: {path!r} is no path in a layer")
                below = os.open(part, _FLAGS, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        return fd


def opened_tree(root: Path, stack: ExitStack) -> DirectoryTree:
    """The directories below `root`, until the stack is left."""
    tree = DirectoryTree(root)
    stack.callback(tree.close)
    return tree


def inherit(layer: LayerDirectories, implied: Sequence[bytes], below: Sequence[LayerDirectories]) -> None:
    """Give the implied directories of a layer what the layers below, the uppermost first, say of them.

    What none of them has stays as it is.
    """
    lower = _Lower(below)
    for path in implied:
        attributes = lower.look(path)
        if attributes is not None:
            layer.set_attributes(path, attributes)


class _Lower:
    """The directories that are seen through some layers."""

    def __init__(self, layers: Sequence[LayerDirectories]) -> None:
        self._layers = layers
        self._seen: dict[bytes, tuple[int, ...]] = {}
        self._seen[b""] = tuple(self._having(b"", tuple(range(len(layers)))))

    def look(self, path: bytes) -> DirectoryAttributes | None:
        """What the directory is in the uppermost layer; None where there is none, or something hides it."""
        for way in reversed(list(_unseen(path, self._seen))):
            self._seen[way] = tuple(self._having(way, self._seen[way.rpartition(b"/")[0]]))
        having = self._seen[path]
        return self._layers[having[0]].look(path) if having else None

    def _having(self, path: bytes, above: tuple[int, ...]) -> Iterator[int]:
        """Which layers' directory is part of the one that is seen; `above`: those that have its parent."""
        for number in above:
            try:
                is_opaque = self._layers[number].look(path).is_opaque
            except FileNotFoundError:
                continue
            except NotADirectoryError:
                return
            yield number
            if is_opaque:
                return


def _unseen(path: bytes, seen: dict[bytes, tuple[int, ...]]) -> Iterator[bytes]:
    """The path and those above it, up to one that is known."""
    while path not in seen:
        yield path
        path = path.rpartition(b"/")[0]


def set_directory_attributes(fd: int, attributes: DirectoryAttributes) -> None:
    """Owner, extended attributes, mode and time of an open directory; overlayfs's marks stay."""
    os.fchown(fd, attributes.uid, attributes.gid)
    for name in _xattr_names(fd):
        if os.fsencode(name) not in attributes.xattrs and not name.startswith(_MARKS):
            os.removexattr(fd, name)
    for attribute, value in attributes.xattrs.items():
        os.setxattr(fd, attribute, value)
    os.fchmod(fd, attributes.mode)  # after the attributes: an access control list has a part of it
    os.utime(fd, ns=(attributes.mtime_ns, attributes.mtime_ns))


def _xattr_names(fd: int) -> list[str]:
    try:
        return os.listxattr(fd)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return []
