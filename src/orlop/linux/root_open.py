"""Files of a root file system that is not trusted, opened without leaving it.

Python has no openat2, so what RESOLVE_IN_ROOT does is done here, part by part: each is opened O_PATH and O_NOFOLLOW
below the one before, a symbolic link is read as text and walked from where it stands, or from the root, and `..` goes
back to a directory that is open already and never above the root. The kernel follows nothing by itself; so links of
procfs, which lead anywhere (`/proc/self/fd/3`), are texts like others, and no rename at the wrong moment leads out.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from typing import Self

LINKS_MAX = 40  # MAXSYMLINKS
_PATH_MAX = 4096
_STEPS_MAX = 8192  # what 40 links of PATH_MAX could hold is more than any path has

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class RootDirectory:
    """A root file system, held open. It is a context manager that closes itself.

    Paths are those of a container: absolute or not, they begin at the root.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open it. `path` is the host's own and may hold links. Raises OSError."""
        self._fd = os.open(path, _DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)

    def resolve(self, path: str) -> tuple[str, os.stat_result | None]:
        """Where a path leads, as a path from the root without links, and what is there; None where nothing is.

        Of a path whose end does not exist, the parts that do exist are resolved, and the others appended.

        Raises:
            InvalidArgument: the path is longer than PATH_MAX, or holds a NUL.
            FailedPrecondition: it leads through something that is no directory, or through too many links.
        """
        with _Walk(self._fd, path) as walk:
            walk.go()
            return walk.resolved(), None if walk.missing else os.fstat(walk.fd)

    def read_file(self, path: str, *, max_bytes: int) -> bytes | None:
        """What is in a regular file; None where nothing is. What is something else is not opened.

        Opening a device can do harm (a watchdog reboots the machine) and opening a FIFO waits: so what is there is
        looked at first, and then that very inode is opened, whatever its name means by now.

        Raises:
            InvalidArgument, FailedPrecondition: as `resolve`, and FailedPrecondition for what is no regular file, or
                is larger than `max_bytes`.
        """
        with _Walk(self._fd, path) as walk:
            walk.go()
            if walk.missing:
                return None
            if not stat.S_ISREG(os.fstat(walk.fd).st_mode):
                raise FailedPrecondition(f"{path}: is not a regular file")
            with open(f"/proc/self/fd/{walk.fd}", "rb") as file:
                data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise FailedPrecondition(f"{path}: has more than {max_bytes} bytes")
        return data


class _Walk:
    """A path on its way: the directories that are open, their names, and the parts that are left."""

    def __init__(self, root_fd: int, path: str) -> None:
        if "\0" in path or len(os.fsencode(path)) >= _PATH_MAX:
            raise InvalidArgument(f"{path[:60]!r}: a path has at most {_PATH_MAX - 1} bytes, and no NUL")
        self._path = path
        self._open = [os.dup(root_fd)]
        self._names: list[str] = []
        self._left = path.split("/")[::-1]
        self._links = 0
        self.missing: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for fd in self._open:
            os.close(fd)

    @property
    def fd(self) -> int:
        """What the walk has come to."""
        return self._open[-1]

    def resolved(self) -> str:
        """The path without links."""
        return "/" + "/".join([*self._names, *self.missing])

    def go(self) -> None:
        """Walk to the end, or to the first part that does not exist; the parts from there on are `missing`."""
        for _ in range(_STEPS_MAX):
            if not self._left:
                return
            name = self._left.pop()
            if name in ("", "."):
                continue
            if name == "..":
                self._up()
            elif self.missing:
                self.missing.append(name)
            else:
                self._down(name)
        raise FailedPrecondition(f"{self._path}: has too many parts")

    def _up(self) -> None:
        if self.missing:
            self.missing.pop()
        elif self._names:
            self._names.pop()
            os.close(self._open.pop())

    def _down(self, name: str) -> None:
        try:
            fd = os.open(name, _STEP, dir_fd=self.fd)
        except OSError as error:
            self._cannot_open(name, error)
            return
        if stat.S_ISLNK(os.fstat(fd).st_mode):
            try:
                self._follow(os.readlink("", dir_fd=fd))
            finally:
                os.close(fd)
            return
        self._open.append(fd)
        self._names.append(name)

    def _cannot_open(self, name: str, error: OSError) -> None:
        if error.errno == errno.ENOENT:
            self.missing.append(name)
        elif error.errno == errno.ENOTDIR:
            raise FailedPrecondition(f"{self._path}: {self.resolved()} is not a directory") from None
        else:
            raise FailedPrecondition(f"{self._path}: {name}: {error.strerror}") from None

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > LINKS_MAX:
            raise FailedPrecondition(f"{self._path}: leads through more than {LINKS_MAX} symbolic links")
        if target.startswith("/"):
            while self._names:
                self._up()
        self._left.extend(target.split("/")[::-1])
