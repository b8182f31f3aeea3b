"""Locks of single snapshots, for several processes and threads: byte N of a file is locked for snapshot N.

A lock is of an open file description (F_OFD_SETLK, fcntl(2)): the kernel lets go of it when its process ends, however
it ends. So what is half done and not locked was left by a crash.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64 bits: type, whence, start, length, pid


class SnapshotLocks:
    """The locks of one snapshotter directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def hold(self, snapshot_id: int) -> Iterator[None]:
        """Wait for the lock, and have it."""
        lock_fd = self._open()
        try:
            _lock(lock_fd, fcntl.F_OFD_SETLKW, snapshot_id)
            yield
        finally:
            os.close(lock_fd)

    @contextmanager
    def hold_if_free(self, snapshot_id: int) -> Iterator[bool]:
        """Have the lock unless somebody else does: whether we have it."""
        lock_fd = self._open()
        try:
            yield _try_lock(lock_fd, snapshot_id)
        finally:
            os.close(lock_fd)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(lock_fd: int, snapshot_id: int) -> bool:
    try:
        _lock(lock_fd, fcntl.F_OFD_SETLK, snapshot_id)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _lock(lock_fd: int, command: int, snapshot_id: int) -> None:
    fcntl.fcntl(lock_fd, command, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, snapshot_id, 1, 0))
