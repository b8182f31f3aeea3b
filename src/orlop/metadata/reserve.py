"""A file that keeps some blocks of the disk for the moment in which it is full.

To delete a row, SQLite first writes: the page goes to the log, and an index of the log is made when nobody had the
database open. On a full disk nothing could be deleted, then. So a file of 1 MiB stands beside the database, and
whoever wants to free something and finds no room deletes it, and makes it again when he is done. Others make one that
is not there when there is ample room.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 1 << 20  # the log's index (32 KiB) and the log of some hundred deleted rows, twice over
_NEEDED = SIZE // 2  # less than this is not enough for such a transaction
_AMPLE = 8 * SIZE  # who did not delete it leaves the last bytes to others


class Reserve:
    """The file `path`; the file system that it stands on is the one that is watched."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_ours_to_restore = False

    def _free(self) -> int:
        status = os.statvfs(self._path.parent)
        return status.f_bavail * status.f_frsize

    def is_disk_full(self) -> bool:
        """Whether there is less room than a transaction that deletes things may need."""
        return self._free() < _NEEDED

    def give_up(self) -> bool:
        """Free the blocks, where there is a reserve; says whether there was one."""
        with suppress(FileNotFoundError):
            self._path.unlink()
            self._is_ours_to_restore = True
            return True
        return False

    def refill(self) -> None:
        """Make the file, if it is not there and there is room: ample room, or any if `give_up` deleted it."""
        if self._path.exists() or self._free() < (SIZE if self._is_ours_to_restore else _AMPLE):
            return
        with suppress(OSError):  # another process was quicker, or the disk became full: there is none, then
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, SIZE)
            except OSError:
                self._path.unlink()
                raise
            finally:
                os.close(descriptor)
