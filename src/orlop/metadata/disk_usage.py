"""What a directory tree takes on the disk, exactly as `du -x` counts it: blocks, hard links once, one file system."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from orlop.linux.errno_text import kernel_error

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 512  # st_blocks counts these, whatever the file system's own are


class DiskUsage:
    """Adds up parts of one tree: what `of` has counted is not counted again when a directory above it is."""

    def __init__(self, root: Path) -> None:
        """`root` says which file system: what is mounted below is not counted.

        Raises:
            KernelError: it is not there.
        """
        try:
            self._device = os.lstat(root).st_dev
        except OSError as err:
            raise kernel_error("lstat", f'"{root}"', err.errno or 0, where="cannot measure") from err
        self._counted: set[int] = set()  # inodes: directories, files with several links, and parts

    def of(self, part: Path) -> int:
        """The bytes of a file, or of a directory and all in it; 0 of what is not there, or went meanwhile."""
        try:
            status = os.lstat(part)
        except FileNotFoundError:
            return 0
        total = self._count(status, is_part=True)
        waiting = [os.fspath(part)] if total is not None and stat.S_ISDIR(status.st_mode) else []
        total = total or 0
        while waiting:
            bytes_inside, directories = self._inside(waiting.pop())
            total += bytes_inside
            waiting += directories
        return total

    def _inside(self, directory: str) -> tuple[int, list[str]]:
        """What the entries of a directory take, and those that are directories themselves."""
        total, directories = 0, []
        try:
            entries = os.scandir(directory)
        except (FileNotFoundError, NotADirectoryError):  # it went, or became another thing
            return 0, []
        with entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                own = self._count(status)
                if own is None:
                    continue
                total += own
                if stat.S_ISDIR(status.st_mode):
                    directories.append(entry.path)
        return total, directories

    def _count(self, status: os.stat_result, *, is_part: bool = False) -> int | None:
        """The bytes of a file or directory itself; None where it is another file system's, or counted already."""
        if status.st_dev != self._device or status.st_ino in self._counted:
            return None
        if is_part or status.st_nlink > 1 or stat.S_ISDIR(status.st_mode):
            self._counted.add(status.st_ino)
        return status.st_blocks * _BLOCK
