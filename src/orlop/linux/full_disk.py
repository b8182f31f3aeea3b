"""What SQLite says of a full disk, which is an error of several names."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING

from orlop.errors import KernelError

if TYPE_CHECKING:
    from pathlib import Path

# Its shared memory only grows, and only that can fail.
_CODES = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMOPEN}
)


def full_disk(path: Path, error: sqlite3.Error) -> KernelError | None:
    """The error as one of ours with errno ENOSPC, where a full disk is the reason."""
    if getattr(error, "sqlite_errorcode", 0) not in _CODES:
        return None
    return KernelError(
        f"cannot write {path}: {error}: ENOSPC (No space left on device)",
        hint="free some space on this file system: `orlop prune`, or delete other files",
        call="write",
        errno=errno.ENOSPC,
    )
