"""`ROOT/quarantine/` of a content store: what a repair took out of sight, until somebody says that it may go."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from .directories import DIRECTORY_FLAGS, kernel_errors, names

if TYPE_CHECKING:
    from pathlib import Path

QUARANTINE = "quarantine"


def empty(root: Path) -> list[str]:
    """Remove what is in the quarantine of the store below `root`, strays that are directories too; returns the names.

    A repair may run beside it: what comes meanwhile stays, and so does the directory.

    Raises:
        KernelError: something cannot be removed; what was removed before is gone.
    """
    with kernel_errors("cannot empty the quarantine of the content store", "unlink"):
        try:
            directory = os.open(root / QUARANTINE, DIRECTORY_FLAGS)
        except FileNotFoundError:  # nothing was ever repaired
            return []
        try:
            found = sorted(names(directory))
            for name in found:
                _remove(directory, name)
        finally:
            os.close(directory)
    return found


def _remove(directory: int, name: str) -> None:
    with suppress(FileNotFoundError):  # another collection was faster
        if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=directory)
        else:
            os.unlink(name, dir_fd=directory)
