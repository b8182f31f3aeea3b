"""A file that only takes space, so that on a full disk there is room for the records of what is removed."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from orlop.errors import KernelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BYTES = 256 << 10  # SQLite's shared memory is 32 KiB, and a removal a few pages in its log and in the database
_Result = TypeVar("_Result")


class SpaceReserve:
    """The file. It is given up when an action finds the disk full, and taken again when there is room."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> None:
        """See that the file is there; nothing happens where the disk is too full for it."""
        if self._path.exists():
            return
        with suppress(OSError):
            file_fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file_fd, 0, _BYTES)
            except OSError:
                self._path.unlink()
            finally:
                os.close(file_fd)

    def use_if_full(self, action: Callable[[], _Result]) -> _Result:
        """What the action returns; when it fails on a full disk, it is done again without the file."""
        try:
            return action()
        except KernelError as error:
            if error.errno != errno.ENOSPC:
                raise
            try:
                self._path.unlink()
            except FileNotFoundError:
                raise error from None
            return action()
