"""A place in a directory tree that goes down and up with one file descriptor, however deep the tree is.

Nothing is reached by a path: a container may have made trees deeper than PATH_MAX, and links that lead elsewhere.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class DirectoryCursor:
    """An open directory, `fd`, that becomes its subdirectory or its parent. A context manager, which closes it."""

    def __init__(self, path: Path) -> None:
        self.fd = open_directory(path)
        self._above: list[tuple[int, int]] = []  # device and inode of the directories up to the first one

    @property
    def depth(self) -> int:
        """How many directories stand above this one, down from the first."""
        return len(self._above)

    def down(self, name: str) -> None:
        """Become a subdirectory; a symbolic link is not followed (OSError, ELOOP or ENOTDIR)."""
        here = os.fstat(self.fd)
        below_fd = open_directory(name, dir_fd=self.fd)
        os.close(self.fd)
        self.fd = below_fd
        self._above.append((here.st_dev, here.st_ino))

    def up(self) -> None:
        """Become the parent.

        Raises:
            FailedPrecondition: it is another one than on the way down: somebody moves directories about.
        """
        above_fd = open_directory("..", dir_fd=self.fd)
        os.close(self.fd)
        self.fd = above_fd
        above = os.fstat(above_fd)
        if (above.st_dev, above.st_ino) != self._above.pop():
            raise FailedPrecondition("cannot walk a directory tree: it was moved meanwhile", hint="stop who uses it")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.fd)


def open_directory(path: Path | str, *, dir_fd: int | None = None) -> int:
    """A file descriptor of a directory that is not reached by a link; its access time stays where we may ask so."""
    try:
        return os.open(path, _FLAGS | os.O_NOATIME, dir_fd=dir_fd)
    except PermissionError:  # O_NOATIME is for the owner and CAP_FOWNER
        return os.open(path, _FLAGS, dir_fd=dir_fd)
