"""A disk without one more byte of room."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path


def fill(disk: Path) -> None:
    """Write until not one more byte fits."""
    with (disk / "filler").open("ab", buffering=0) as filler:
        for size in (1 << 20, 4096, 1):
            while _has_room(filler, size):
                pass
    assert os.statvfs(disk).f_bavail == 0


def _has_room(filler: FileIO, size: int) -> bool:
    try:
        filler.write(bytes(size))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True
