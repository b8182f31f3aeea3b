"""Trees removed by directory fd: no link is followed, however deep they are, whoever changes them meanwhile."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition

from .entry_path import shown

if TYPE_CHECKING:
    from collections.abc import Callable

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(parent_fd: int, name: bytes) -> None:
    """Remove what is called `name`, a tree or anything else. What is not there is fine.

    Needs three fds and no recursion: a tree of a hostile layer is as deep as its limits allow.

    Raises:
        FailedPrecondition: somebody moved directories of the tree away while it was removed.
        OSError: the kernel refused.
    """
    try:
        os.unlink(name, dir_fd=parent_fd)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        pass
    else:
        return
    fd = os.open(name, DIRECTORY_FLAGS, dir_fd=parent_fd)
    above: list[tuple[bytes, os.stat_result]] = []  # name of each level, and its parent, but for the topmost
    try:
        while True:
            inner = _first_directory(fd)
            if inner is not None:
                above.append((inner, os.fstat(fd)))
                fd = _replaced(fd, os.open(inner, DIRECTORY_FLAGS, dir_fd=fd))
            elif above:
                inner, parent = above.pop()
                fd = _replaced(fd, os.open("..", DIRECTORY_FLAGS, dir_fd=fd))
                if not os.path.samestat(os.fstat(fd), parent):
                    raise FailedPrecondition(f'cannot remove "{shown(name)}": its directories were moved meanwhile')
                os.rmdir(inner, dir_fd=fd)
            else:
                break
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=parent_fd)


def _replaced(fd: int, by: int) -> int:
    os.close(fd)
    return by


def _first_directory(fd: int) -> bytes | None:
    """Remove the entries of a directory up to the first that is a directory, which is returned.

    It starts anew after each directory: names are never collected, so that a directory of millions takes no memory.
    """
    with os.scandir(fd) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)  # of an fd scandir gives str
            if entry.is_dir(follow_symlinks=False):
                return name
            os.unlink(name, dir_fd=fd)
    return None


def prune(parent_fd: int, path: bytes, name: bytes, is_kept: Callable[[bytes], bool]) -> None:
    """Remove from the directory `name`, whose path is `path`, what is not kept, at every depth.

    Raises:
        OSError: the kernel refused.
    """
    pending = [b""]
    while pending:
        below = pending.pop()
        fd = _open_below(parent_fd, name, below)
        try:
            with os.scandir(fd) as entries:
                found = [(os.fsencode(one.name), one.is_dir(follow_symlinks=False)) for one in entries]
            for child, is_directory in found:
                relative = below + b"/" + child if below else child
                if not is_kept(path + b"/" + relative if path else relative):
                    remove(fd, child)
                elif is_directory:
                    pending.append(relative)
        finally:
            os.close(fd)


def remove_devices_zero(parent_fd: int, name: bytes) -> None:
    """Remove the devices 0/0 from the directory `name`, at every depth. Its directories keep their times."""
    pending = [b""]
    while pending:
        below = pending.pop()
        fd = _open_below(parent_fd, name, below)
        try:
            before = os.fstat(fd)
            with os.scandir(fd) as entries:
                found = [(os.fsencode(one.name), one.stat(follow_symlinks=False)) for one in entries]
            zero = [child for child, status in found if stat.S_ISCHR(status.st_mode) and not status.st_rdev]
            for child in zero:
                os.unlink(child, dir_fd=fd)
            if zero:
                os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns))
            pending += [
                below + b"/" + child if below else child for child, status in found if stat.S_ISDIR(status.st_mode)
            ]
        finally:
            os.close(fd)


def _open_below(parent_fd: int, name: bytes, below: bytes) -> int:
    fd = os.open(name, DIRECTORY_FLAGS, dir_fd=parent_fd)
    for part in below.split(b"/") if below else ():
        try:
            inner = os.open(part, DIRECTORY_FLAGS, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd


def is_directory(parent_fd: int, name: bytes) -> bool:
    """Whether a directory stands there, no link to one."""
    with suppress(FileNotFoundError):
        return stat.S_ISDIR(os.stat(name, dir_fd=parent_fd, follow_symlinks=False).st_mode)
    return False
