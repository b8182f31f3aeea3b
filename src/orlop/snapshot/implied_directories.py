"""What becomes of a layer that was unpacked apart from its parent, now that it is put on top of that.

It has directories that it has no entry of, with attributes that nobody chose. In an overlay they would hide what a
lower layer says of them: /tmp would not be 1777 any more. They get the attributes of the uppermost layer below that
has them. Where that has a symbolic link, and no directory, what the layer put there belongs where the link leads:
that only an extraction on top of the parent can do (NeedsParent).

It has deletions, whether there is anything to be deleted or not. Where it is the only one that has the directory, they
would be seen: they go.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from orlop.archive.entry_path import shown
from orlop.archive.index_file import DirectoryAttributes, SymbolicLinkError
from orlop.errors import InvalidArgument

from .contract import NeedsParent

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
            SymbolicLinkError: a symbolic link is there, or on the way.
            NotADirectoryError: something else is. Both hide what lower layers have.
        """

    def set_attributes(self, path: bytes, attributes: DirectoryAttributes) -> None:
        """Make it this."""

    def drop_deletions(self, path: bytes) -> None:
        """Remove the deletions from the directory, and not from those in it.

        Raises:
            FileNotFoundError, NotADirectoryError: as `look`.
        """


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

    def drop_deletions(self, path: bytes) -> None:
        """See LayerDirectories. The directory keeps its time."""
        fd = self._open(path)
        try:
            before = os.fstat(fd)
            with os.scandir(fd) as entries:
                found = [one.name for one in entries if _is_deletion(one.stat(follow_symlinks=False))]
            for name in found:
                os.unlink(name, dir_fd=fd)
            os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns))
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
            except NotADirectoryError:
                if stat.S_ISLNK(os.stat(part, dir_fd=fd, follow_symlinks=False).st_mode):
                    raise SymbolicLinkError(part) from None
                raise
            finally:
                os.close(fd)
            fd = below
        return fd


def opened_tree(root: Path, stack: ExitStack) -> DirectoryTree:
    """The directories below `root`, until the stack is left."""
    tree = DirectoryTree(root)
    stack.callback(tree.close)
    return tree


class Apart(NamedTuple):
    """What a layer has to do with those below, in paths of directories; the contract's `commit` says what they are."""

    implied: Sequence[bytes] = ()
    passed: Sequence[bytes] = ()
    deleting: Sequence[bytes] = ()


def settle(layer: LayerDirectories, apart: Apart, below: Sequence[LayerDirectories]) -> None:
    """Have a layer that was unpacked apart as it is on top of the layers below, the uppermost first.

    Raises:
        NeedsParent: that cannot be had so; the layer may have been changed.
    """
    lower = _Lower(below)
    for path in (*apart.implied, *apart.passed):
        if lower.is_link(path):
            raise NeedsParent(
                f'the layer has files in "{shown(path)}", which is a symbolic link in a layer below',
                hint="unpack it on top of its parent",
            )
    _inherit(layer, apart.implied, lower)
    for path in apart.deleting:
        if lower.look(path) is None:
            with suppress(FileNotFoundError, NotADirectoryError):  # the layer itself has replaced it since
                layer.drop_deletions(path)


def inherit(layer: LayerDirectories, implied: Sequence[bytes], below: Sequence[LayerDirectories]) -> None:
    """Give the implied directories of a layer what the layers below, the uppermost first, say of them.

    What none of them has stays as it is.
    """
    _inherit(layer, implied, _Lower(below))


def _inherit(layer: LayerDirectories, implied: Sequence[bytes], lower: _Lower) -> None:
    for path in implied:
        attributes = lower.look(path)
        if attributes is not None:
            layer.set_attributes(path, attributes)


class _Lower:
    """The directories that are seen through some layers."""

    def __init__(self, layers: Sequence[LayerDirectories]) -> None:
        self._layers = layers
        self._links: set[bytes] = set()
        self._seen: dict[bytes, tuple[int, ...]] = {}
        self._seen[b""] = tuple(self._having(b"", tuple(range(len(layers)))))

    def look(self, path: bytes) -> DirectoryAttributes | None:
        """What the directory is in the uppermost layer; None where there is none, or something hides it."""
        having = self._layers_with(path)
        return self._layers[having[0]].look(path) if having else None

    def is_link(self, path: bytes) -> bool:
        """Whether what is seen there is a symbolic link."""
        return not self._layers_with(path) and path in self._links

    def _layers_with(self, path: bytes) -> tuple[int, ...]:
        for way in reversed(list(_unseen(path, self._seen))):
            self._seen[way] = tuple(self._having(way, self._seen[way.rpartition(b"/")[0]]))
        return self._seen[path]

    def _having(self, path: bytes, above: tuple[int, ...]) -> Iterator[int]:
        """Which layers' directory is part of the one that is seen; `above`: those that have its parent."""
        for number in above:
            try:
                is_opaque = self._layers[number].look(path).is_opaque
            except FileNotFoundError:
                continue
            except SymbolicLinkError:
                self._links.add(path)  # of no account where a layer above has a directory
                return
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


def _is_deletion(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and not found.st_rdev


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
