"""What SQLite says of a full disk."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from orlop.linux.full_disk import full_disk


def _error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "code",
    [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMOPEN],
)
def test_a_full_disk_has_its_errno_and_a_hint(code: int) -> None:
    told = full_disk(Path("/r/metadata.db"), _error(code))
    assert told is not None
    assert told.errno == errno.ENOSPC
    assert str(told).startswith("cannot write /r/metadata.db: disk I/O error: ENOSPC (No space left on device)")
    assert "orlop prune" in told.hint


def test_other_errors_are_for_their_callers() -> None:
    assert full_disk(Path("/r"), _error(sqlite3.SQLITE_IOERR_READ)) is None
    assert full_disk(Path("/r"), sqlite3.OperationalError("made by the module itself")) is None
