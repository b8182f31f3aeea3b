"""The directories on the way to an entry, opened by fd beneath the root and kept open for its siblings.

Every part of a path is opened on its own, relative to the fd of its parent and without following links. A part that is
a symbolic link is resolved by hand, with the root as `/` and as its own parent, as containerd and umoci resolve it:
images do put files behind links (`bin -> usr/bin` of a lower layer, where layers are applied on top of each other).
`..` of a link goes back along the fds that led there and never asks the kernel, so that a directory that is moved
meanwhile leads nowhere else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from .entry_path import NoDirectory, shown
from .tree_removal import DIRECTORY_FLAGS

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_OPEN = 64  # fds of one chain
_MAX_LINKS = 40  # as the kernel
_MAX_STEPS = 4096  # of one resolution, what links add included


class Directory:
    """An open directory. `path` is where it is beneath the root, with all links resolved."""

    __slots__ = ("fd", "is_dirty", "mtime_ns", "path")

    def __init__(self, fd: int, path: bytes, mtime_ns: int) -> None:
        self.fd = fd
        self.path = path
        self.mtime_ns = mtime_ns  # what it has when we leave it
        self.is_dirty = False  # its mtime is another one now

    def child_path(self, name: bytes) -> bytes:
        """Where `name` is."""
        return self.path + b"/" + name if self.path else name

    def close(self) -> None:
        """Leave it, with its mtime as it is to be."""
        try:
            if self.is_dirty:
                os.utime(self.fd, ns=(self.mtime_ns, self.mtime_ns))
        finally:
            os.close(self.fd)


class DirectoryChain:
    """The open directories from the root to the last one entered; at most `_MAX_OPEN` at a time.

    A directory's mtime is set when the chain leaves it, and kept when the chain comes back and leaves again. So no list
    of directories is needed, whose length the archive would decide.
    """

    def __init__(
        self,
        root_fd: int,
        *,
        make: Callable[[Directory, bytes], None] | None,
        remake: Callable[[Directory, bytes], bool] | None = None,
    ) -> None:
        """`make` makes a missing directory; None where that is an error.

        `remake` may put a directory in the place of something that is none; it returns whether it has.
        """
        self._make = make
        self._remake = remake
        self._nodes = [self._opened(root_fd, b".", b"")]
        self._names: list[bytes] = []  # of the nodes behind the root, as they were asked for
        self._path = b""
        self._first_open = 1  # the root is always open; before this one the others are not

    @staticmethod
    def _opened(parent_fd: int, name: bytes, path: bytes) -> Directory:
        fd = os.open(name, DIRECTORY_FLAGS, dir_fd=parent_fd)
        return Directory(fd, path, os.fstat(fd).st_mtime_ns)

    @property
    def root(self) -> Directory:
        """The root."""
        return self._nodes[0]

    def enter(self, path: bytes) -> Directory:
        """The directory at a normalized path; it is made where it is missing.

        Raises:
            NoDirectory: a part is no directory.
            InvalidArgument: a part is missing and is not to be made, or has too many links.
            OSError: the kernel refused.
        """
        if path == self._path:
            return self._nodes[-1]
        names = path.split(b"/") if path else []
        common = 0
        for one, other in zip(names, self._names, strict=False):
            if one != other:
                break
            common += 1
        self._leave(common)
        for name in names[len(self._names) :]:
            self._push(name, self._step(self._nodes[-1], name))
        return self._nodes[-1]

    def push(self, name: bytes, directory: Directory) -> None:
        """Go on to a directory beneath the last one entered; the chain owns it from here on."""
        self._push(name, directory)

    def forget(self) -> None:
        """Leave all directories: one of them may have been replaced."""
        self._leave(0)

    def close(self) -> None:
        """Leave the root too."""
        self._leave(0)
        self.root.close()

    def _push(self, name: bytes, directory: Directory) -> None:
        self._nodes.append(directory)
        self._names.append(name)
        self._path = self._path + b"/" + name if self._path else name
        if len(self._nodes) - self._first_open > _MAX_OPEN:
            self._nodes[self._first_open].close()
            self._first_open += 1

    def _leave(self, depth: int) -> None:
        """Keep `depth` directories behind the root; none where the last of those is closed already."""
        if 0 < depth < self._first_open and self._first_open > 1:
            depth = 0
        while len(self._names) > depth:
            self._names.pop()
            node = self._nodes.pop()
            if len(self._nodes) >= self._first_open:
                node.close()
        if not depth:
            self._first_open = 1
        self._path = b"/".join(self._names)

    def _step(self, parent: Directory, name: bytes) -> Directory:
        """The directory `name` of `parent`, through links where it is one."""
        try:
            return self._open_or_make(parent, name)
        except NotADirectoryError:
            return self._resolve(parent, name)

    def _open_or_make(self, parent: Directory, name: bytes) -> Directory:
        path = parent.child_path(name)
        try:
            return self._opened(parent.fd, name, path)
        except FileNotFoundError:
            if self._make is None:
                raise InvalidArgument(f'path: the directory "{shown(path)}" does not exist') from None
            self._make(parent, name)
        except NotADirectoryError:
            if self._remake is None or not self._remake(parent, name):
                raise
        return self._opened(parent.fd, name, path)

    def _resolve(self, parent: Directory, name: bytes) -> Directory:
        """`name` of `parent`, which is a link or no directory at all."""
        todo = [name, *reversed(parent.path.split(b"/"))] if parent.path else [name]
        walked = [self._opened(self.root.fd, b".", b"")]
        links = steps = 0
        try:
            while todo:
                steps += 1
                part = todo.pop()
                if part == b"..":
                    if len(walked) > 1:
                        walked.pop().close()
                    continue
                try:
                    walked.append(self._open_or_make(walked[-1], part))
                except NotADirectoryError:
                    links += 1
                    target = _link_target(walked[-1], part)
                    todo += [one for one in reversed(target.split(b"/")) if one not in (b"", b".")]
                    if target.startswith(b"/"):
                        _close_all(walked, 1)
                if links > _MAX_LINKS or steps > _MAX_STEPS or len(walked) > _MAX_OPEN * 4:
                    raise InvalidArgument(f'path: "{shown(parent.child_path(name))}" goes through too many links')
            return walked.pop() if len(walked) > 1 else self._opened(self.root.fd, b".", b"")
        finally:
            _close_all(walked, 0)


def _close_all(directories: list[Directory], keep: int) -> None:
    while len(directories) > keep:
        directories.pop().close()


def _link_target(parent: Directory, name: bytes) -> bytes:
    try:
        return os.readlink(name, dir_fd=parent.fd)
    except OSError:
        where = shown(parent.child_path(name))
        raise NoDirectory(f'path: "{where}" is no directory', hint="something stands beneath it") from None
