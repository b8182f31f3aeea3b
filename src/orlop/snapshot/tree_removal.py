"""Removal of a directory tree that somebody else filled: by file descriptors, whatever its depth, modes and flags."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.linux.flags import O_PATH
from orlop.snapshot.directory_cursor import DirectoryCursor

if TYPE_CHECKING:
    from collections.abc import Callable

_FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS = 0x80086601, 0x40086602  # ioctl_iflags(2), for 64 bits
_FS_IMMUTABLE_FL, _FS_APPEND_FL = 0x10, 0x20


def remove_tree(path: Path) -> None:
    """Remove a directory and all below it. No link is followed, and no other file system is entered.

    To remove what is not there, or what somebody else is removing, is a success. After a crash, do it again.

    Raises:
        OSError: something cannot be removed; EBUSY where something is mounted.
    """
    try:
        cursor = DirectoryCursor(path)
    except FileNotFoundError:
        return
    with cursor:
        removal = _Removal(cursor)
        while removal.step():
            pass
    with suppress(FileNotFoundError):
        path.rmdir()


class _Removal:
    """Goes through the tree depth first; a directory's files go when it is entered, it itself when it is left."""

    def __init__(self, cursor: DirectoryCursor) -> None:
        self._cursor = cursor
        self._device = os.fstat(cursor.fd).st_dev
        self._names: list[str] = []  # of the directories on the way down to the cursor
        self._pending: list[list[str]] = []  # on each level, the first one too, the subdirectories that are left
        self._enter()

    def step(self) -> bool:
        """One directory further down or up; False where all is done."""
        if self._pending[-1]:
            name = self._pending[-1].pop()
            with suppress(FileNotFoundError):
                self._try(name, self._cursor.down)
                self._names.append(name)
                self._enter()
            return True
        self._pending.pop()
        if not self._pending:
            return False
        self._cursor.up()
        with suppress(FileNotFoundError):
            self._try(self._names.pop(), lambda name: os.rmdir(name, dir_fd=self._cursor.fd))
        return True

    def _enter(self) -> None:
        """Remove what the cursor's directory has that is no directory, and note the others."""
        if os.fstat(self._cursor.fd).st_dev != self._device:
            raise OSError(errno.EBUSY, "something is mounted there", "/".join(self._names))
        with os.scandir(self._cursor.fd) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_directory in found:
            if not is_directory:
                with suppress(FileNotFoundError):
                    self._try(name, lambda name: os.unlink(name, dir_fd=self._cursor.fd))
        self._pending.append([name for name, is_directory in found if is_directory])

    def _try(self, name: str, action: Callable[[str], object]) -> None:
        """Do it; where modes or the flags of chattr(1) forbid it, take those away and do it again."""
        try:
            action(name)
        except PermissionError:
            _allow(self._cursor.fd)
            _allow_entry(name, self._cursor.fd)
            action(name)


def _allow_entry(name: str, directory_fd: int) -> None:
    """Take modes and flags from a file or directory that stands in the way. Other types cannot have any."""
    entry_fd = os.open(name, O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory_fd)
    try:
        mode = os.fstat(entry_fd).st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            return
        opened_fd = os.open(f"/proc/self/fd/{entry_fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:  # only the owner of a directory gets here; a file needs no mode to be unlinked
        Path(f"/proc/self/fd/{entry_fd}").chmod(stat.S_IRWXU)
        return
    finally:
        os.close(entry_fd)
    try:
        _allow(opened_fd)
    finally:
        os.close(opened_fd)


def _allow(opened_fd: int) -> None:
    with suppress(OSError):  # a file system without flags; the action itself tells what is wrong otherwise
        flags = struct.unpack("l", fcntl.ioctl(opened_fd, _FS_IOC_GETFLAGS, bytes(8)))[0]
        kept = flags & ~(_FS_IMMUTABLE_FL | _FS_APPEND_FL)
        if kept != flags:
            fcntl.ioctl(opened_fd, _FS_IOC_SETFLAGS, struct.pack("l", kept))
    with suppress(PermissionError):
        status = os.fstat(opened_fd)
        if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.fchmod(opened_fd, stat.S_IRWXU)
