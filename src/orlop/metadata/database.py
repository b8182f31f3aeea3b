"""metadata.db: opening it, its version, and short transactions on it.

SQLite in WAL mode: readers go on while somebody writes, and several processes use one file. Each `Database` has one
connection, which its threads take in turns; transactions are short, so nobody waits long. What a transaction that
writes needs, it reads inside it (BEGIN IMMEDIATE), so that nothing can come in between.

Durability. A transaction is durable when it ends (synchronous=FULL: the log is fsynced) if losing it in a power cut
would be a lie: an image that was told to be there, a deletion whose bytes go next. Records of content, ingests,
snapshots and leases are not (synchronous=NORMAL): without their record the bytes are an orphan, which is adopted or
swept. The log is in order, so an image that is durable has all that was written before it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from orlop.errors import (
    FailedPrecondition,
    Internal,
    InvalidArgument,
    OrlopError,
    PermissionDenied,
    Unavailable,
)
from orlop.linux.errno_text import kernel_error
from orlop.linux.full_disk import full_disk

from . import schema
from .locks import flocked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from orlop.linux.disk_reserve import DiskReserve


BUSY_TIMEOUT_S = 30.0  # a transaction takes milliseconds; the longest, a mark of 10,000 images, about one second
_LOG_LIMIT_BYTES = 1 << 20  # what stays of the log after a large transaction has been moved into the database
_PRIMARY = 0xFF  # SQLite's extended error codes have the plain one in their low byte


def _told(err: sqlite3.Error, path: Path) -> OrlopError:
    """What SQLite said, as an error of ours."""
    if full := full_disk(path, err):
        return full
    primary = getattr(err, "sqlite_errorcode", 0) & _PRIMARY
    where = f"{path}: {err}"
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Unavailable(
            f"{where}: another process has written for {BUSY_TIMEOUT_S:.0f} s", hint="try again when it is done"
        )
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return FailedPrecondition(
            f"{where}: it is damaged, or no database",
            hint=f"move {path.name}, {path.name}-wal and {path.name}-shm away; pulling the images again makes a new "
            "one and reuses the blobs that are there",
        )
    if primary in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH}:
        return PermissionDenied(f"cannot open {where}", hint="check the owner and mode of the file and its directory")
    return Internal(f"{where} ({getattr(err, 'sqlite_errorname', 'SQLITE_ERROR')})")


class Database:
    """An open metadata.db. A context manager that closes itself; its methods may be called from any thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path, reserve: DiskReserve) -> None:
        self._connection = connection
        self._path = path
        self._reserve = reserve
        self._lock = threading.Lock()
        self._is_full_sync = True

    @classmethod
    def open(cls, path: Path, reserve: DiskReserve) -> Database:
        """The database in the file `path`, which is made, or brought to this version, where that is needed.

        Raises:
            FailedPrecondition: it is damaged, or a newer version of Orlop has written it.
            KernelError: the file cannot be opened; the disk is full, and the reserve was not enough.
            PermissionDenied: this user may not open it.
        """
        try:
            connection = _connected(path)
        except sqlite3.Error as err:
            # A full disk has no room for the log and its index (an error of several names). The reserve has.
            if not (reserve.is_disk_full() and reserve.give_up()):
                raise _told(err, path) from err
            try:
                connection = _connected(path)
            except sqlite3.Error as again:
                raise _told(again, path) from again
        finally:
            reserve.refill()  # at once: what comes next may be no transaction that frees something
        return cls(connection, path, reserve)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Read, in one state of the database. Fetch all before the block ends."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self, *, is_durable: bool = True, is_freeing: bool = False) -> Iterator[sqlite3.Connection]:
        """Read and write as the only writer; leaving the block with an error undoes it.

        `is_durable`: it survives a power cut when the block has ended. `is_freeing`: what it does makes room, and was
        asked for to make room, so it may use the reserve of a full disk until the database is closed. What only tidies
        up after something that failed leaves the reserve alone, since others of its process may still be writing, and
        leaves its record to the next collection.

        Raises:
            KernelError: the disk is full.
            Unavailable: another process wrote for longer than `BUSY_TIMEOUT_S`.
        """
        if is_freeing and self._reserve.is_disk_full():
            self._reserve.give_up()
        with self._transaction("BEGIN IMMEDIATE", is_durable=is_durable) as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str, *, is_durable: bool | None = None) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if is_durable is not None and is_durable != self._is_full_sync:
                    self._connection.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
                    self._is_full_sync = is_durable
                self._connection.execute(begin)
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as err:
                raise _told(err, self._path) from err
            except UnicodeEncodeError as err:  # of bytes on a command line that are no text
                raise InvalidArgument(f"{ascii(err.object)[:200]}: is not UTF-8 text") from err
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def checkpoint(self) -> None:
        """Move the log into the database, as far as others let us: the next transaction writes it from its start.

        It is an attempt: on a full disk there may be no room for pages that are new to the database.
        """
        with self._lock, suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """Close the file. The last process that does moves the log into the database and deletes it."""
        with self._lock:
            self._connection.close()
        self._reserve.refill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _connected(path: Path) -> sqlite3.Connection:
    _make_private_file(path)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={_LOG_LIMIT_BYTES}")
        if _version(connection, path) < schema.VERSION:
            # Not left to SQLite: two processes that switch a new file to WAL at once get SQLITE_BUSY without a wait.
            with flocked(path.with_name(f"{path.name}.lock"), fcntl.LOCK_EX):
                _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError as err:
        raise kernel_error(
            "open", f'"{path}", O_RDWR|O_CREAT', err.errno or 0, where="cannot open the database"
        ) from err


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file; 0 is a new one.

    Raises:
        FailedPrecondition: it is newer than this program, or another program's.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application not in {0, schema.APPLICATION_ID} or (application == 0 and version != 0):
        raise FailedPrecondition(f"{path}: is another program's database", hint="choose another --root")
    if version > schema.VERSION:
        raise FailedPrecondition(
            f"{path}: has version {version} and this program knows up to {schema.VERSION}",
            hint="use the newer version of Orlop that wrote it",
        )
    return version


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in schema.STEPS[_version(connection, path) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={schema.VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
