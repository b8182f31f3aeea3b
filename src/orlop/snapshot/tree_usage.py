"""What a directory tree takes on the disk."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from orlop.snapshot.contract import Usage
from orlop.snapshot.directory_cursor import DirectoryCursor

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK_BYTES = 512  # the unit of st_blocks, whatever the file system's own is


def tree_usage(path: Path) -> Usage:
    """What `du --one-file-system` counts: allocated blocks, the directories' own too, and hard links once.

    What goes away meanwhile is not counted. A path that does not exist takes nothing.
    """
    try:
        cursor = DirectoryCursor(path)
    except FileNotFoundError:
        return Usage(size_bytes=0, inodes=0)
    with cursor:
        first = os.fstat(cursor.fd)
        count = _Count(first)
        pending = [count.directory(cursor.fd)]  # at each level, the subdirectories that are still to be seen
        while pending:
            if not pending[-1]:
                pending.pop()
                if pending:
                    cursor.up()
                continue
            try:
                cursor.down(pending[-1].pop())
            except FileNotFoundError:
                continue
            pending.append(count.directory(cursor.fd))
    return Usage(size_bytes=count.blocks * _BLOCK_BYTES, inodes=count.inodes)


class _Count:
    def __init__(self, first: os.stat_result) -> None:
        self.blocks = first.st_blocks
        self.inodes = 1
        self._device = first.st_dev
        self._linked: set[int] = set()

    def directory(self, directory_fd: int) -> list[str]:
        """Count the entries of a directory; returns which of them are directories of the same file system."""
        below = []
        with os.scandir(directory_fd) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if status.st_dev != self._device:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    below.append(entry.name)
                elif status.st_nlink > 1:
                    if status.st_ino in self._linked:
                        continue
                    self._linked.add(status.st_ino)
                self.blocks += status.st_blocks
                self.inodes += 1
        return below
