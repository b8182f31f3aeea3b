"""A file that keeps some blocks of a disk for the moment in which it is full.

To delete a row, SQLite first writes: the page goes to the log, and an index of the log is made when nobody had the
database open. On a full disk nothing could be deleted, then. So a file that only takes room stands beside a database:
whoever wants to free something and finds no room deletes it, and makes it again when he is done, of what room is left
(others may have written meanwhile). Who finds none, or a small one, makes it whole when there is ample room.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from orlop.errors import KernelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_AMPLE = 8  # times the size: who did not give it up leaves the last bytes to others
_SMALLEST = 64 << 10  # the log's index (32 KiB), and the log of a few deleted rows: less is of no use
_Result = TypeVar("_Result")


class DiskReserve:
    """The file `path` of `size` bytes; the file system that it stands on is the one that is watched."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._is_ours_to_restore = False

    def _free(self) -> int:
        status = os.statvfs(self._path.parent)
        return status.f_bavail * status.f_frsize

    def is_disk_full(self) -> bool:
        """Whether there is less room than a transaction that deletes things may need: half of the reserve."""
        return self._free() < self._size // 2

    def give_up(self) -> bool:
        """Free the blocks, where there is a reserve; says whether there was one."""
        with suppress(FileNotFoundError):
            self._path.unlink()
            self._is_ours_to_restore = True
            return True
        return False

    def refill(self) -> None:
        """Make the file whole, where there is ample room; if we gave it up, make it as large as the room allows.

        It is an attempt: where nothing can be made, or not even looked at, nothing happens.
        """
        with suppress(OSError):
            present = self._path.stat().st_size if self._path.exists() else 0
            free = self._free()
            if free >= self._size * _AMPLE:
                if present < self._size:
                    self._make(self._size)
            elif self._is_ours_to_restore:
                size = min(present + free, self._size)
                while max(present + 1, _SMALLEST) <= size and not self._make(size):
                    size, present = size - size // 8, 0  # a file system needs some room to keep books on the rest

    def use_if_full(self, action: Callable[[], _Result]) -> _Result:
        """What the action returns; when it fails on a full disk, it is done again without the file.

        Until the next `refill` the file is away. The action raises KernelError with its errno.
        """
        try:
            return action()
        except KernelError as error:
            if error.errno != errno.ENOSPC or not self.give_up():
                raise
            return action()

    def _make(self, size: int) -> bool:
        """Make the file so large, or larger; says whether there was room. What could not be made so large goes."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)
        return True
