"""Leases that end with the process that took them, also when it is killed.

A lease of a pull that was killed would hold what it had got for a day. So a lease can have an owner: a file whose
flock its process holds while it lives. The kernel lets go of it when the process ends, in whatever way, and after a
reboot nobody holds any; a collection that can take the lock ends the lease.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from orlop.linux.errno_text import kernel_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWNER_LABEL = "orlop.lease/owner"  # on a lease: the name of its owner's file
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class LeaseOwners:
    """The files of owners, in one directory, which is made when it is needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def alive(self, name: str) -> Iterator[None]:
        """Be the living owner `name` for the length of the block.

        Raises:
            KernelError: the file cannot be made.
        """
        path = self._directory / name
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            descriptor = _locked(path)
        except OSError as err:
            raise kernel_error("open", f'"{path}", O_CREAT', err.errno or 0, where="cannot take a lease") from err
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                path.unlink()
            os.close(descriptor)

    def is_dead(self, name: str) -> bool:
        """Whether nobody is this owner any more. A label that names no file has no say: False."""
        if not name or name == ".." or "/" in name or "\0" in name:
            return False
        try:
            descriptor = os.open(self._directory / name, _FLAGS)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: others may ask at the same time
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def sweep(self) -> None:
        """Remove the files of the dead: without one, an owner is as dead as with it."""
        with suppress(FileNotFoundError):
            for path in list(self._directory.iterdir()):
                _remove_if_dead(path)


def _locked(path: Path) -> int:
    """A descriptor of the file, which holds its lock. A sweep may remove it before the lock is ours: then once more."""
    while True:
        descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _remove_if_dead(path: Path) -> None:
    with suppress(OSError):  # it went by itself, or its owner lives (BlockingIOError)
        descriptor = os.open(path, _FLAGS)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)
