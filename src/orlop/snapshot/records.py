"""The records of one snapshotter directory, in SQLite: `snapshots.db`. Directories and mounts are for others.

A record has a state beside its kind. `making` and `removing` are on disk before directories come and until they are
gone; only what is `ready` is seen by callers. A snapshot that is being removed has lost its name, which is free again;
its number is never given to another one.

    making --- ready() ---> ready --- start_removal() ---> removing --- forget()
      +------------------ start_removal() ------------------^
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, FailedPrecondition, Internal, KernelError, NotFound, Unavailable
from orlop.linux.full_disk import full_disk
from orlop.snapshot.contract import Kind, SnapshotInfo, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_VERSION = 1
_BUSY_TIMEOUT_S = 60  # every transaction is short, but a disk may be slow
_SCHEMA = """
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    parent INTEGER REFERENCES snapshot (id),
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    inodes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX snapshot_parent ON snapshot (parent);
CREATE TABLE label (
    snapshot INTEGER NOT NULL REFERENCES snapshot (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (snapshot, key)
) WITHOUT ROWID;
"""
_COLUMNS = """child.id, child.name, child.kind, child.state, child.parent, coalesce(parent.name, ''),
    child.created_at, child.updated_at, child.size_bytes, child.inodes
    FROM snapshot AS child LEFT JOIN snapshot AS parent ON parent.id = child.parent"""
# A parent can have a higher number than its child, which came to it at its commit: so the order is that of the depth.
_BY_DEPTH = """WITH RECURSIVE tree (id, depth) AS (
    SELECT id, 0 FROM snapshot WHERE parent IS NULL
    UNION ALL SELECT snapshot.id, depth + 1 FROM snapshot JOIN tree ON snapshot.parent = tree.id
)"""
_CHAIN = """WITH RECURSIVE chain (id, parent, level) AS (
    SELECT id, parent, 0 FROM snapshot WHERE id = ?
    UNION ALL SELECT snapshot.id, snapshot.parent, level + 1 FROM snapshot JOIN chain ON snapshot.id = chain.parent
) SELECT id FROM chain WHERE level > 0 ORDER BY level"""

MAKING, READY, REMOVING = "making", "ready", "removing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A snapshot as the database has it. `id` is the name of its directory; `usage` counts for committed ones."""

    id: int
    name: str  # "" for one that is being removed
    kind: Kind
    state: str
    parent_id: int | None
    parent: str
    created_at: float
    updated_at: float
    usage: Usage


class Records:
    """The database. Each method is one transaction; any thread may call any of them.

    It is durable when the method returns, but for `ready`, `forget` and labels: a loss of power right after them takes
    them back, and leaves what cleanup removes, or the labels of before.

    Methods raise `NotFound` for a name of which there is no ready snapshot.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._make_tables()
        except sqlite3.Error as error:
            self._connection.close()
            raise self._translated(error) from error
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def insert(
        self, name: str, kind: Kind, parent: str, labels: Mapping[str, str], claim: Callable[[int], object]
    ) -> int:
        """A new record, in the making; its number. `claim` locks the number before anybody else can see the record.

        Raises:
            AlreadyExists: the name is taken.
            NotFound: there is no such parent.
            FailedPrecondition: the parent is not committed.
        """
        now = time.time()
        with self._transaction() as database:
            _refuse_taken(database, name)
            parent_id = _committed(database, parent).id if parent else None
            cursor = database.execute(
                "INSERT INTO snapshot (name, kind, state, parent, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
                (name, kind.value, MAKING, parent_id, now, now),
            )
            snapshot_id = cursor.lastrowid
            assert snapshot_id is not None  # noqa: S101 - an INSERT has one
            _set_labels(database, snapshot_id, labels)
            claim(snapshot_id)
            return snapshot_id

    def ready(self, snapshot_id: int) -> None:
        """The making has ended well."""
        with self._transaction(is_durable=False) as database:
            database.execute("UPDATE snapshot SET state = ? WHERE id = ?", (READY, snapshot_id))

    def commit(
        self, snapshot_id: int, name: str, usage: Usage, *, parent: str = "", labels: Mapping[str, str] | None = None
    ) -> None:
        """Make an active snapshot a committed one of this name, with these labels and none of those that it had.

        `parent` "" leaves it on top of what it is.

        Raises:
            AlreadyExists, NotFound, FailedPrecondition: as `insert`.
        """
        with self._transaction() as database:
            _refuse_taken(database, name, but=snapshot_id)
            if parent:
                parent_id = _committed(database, parent).id
                database.execute("UPDATE snapshot SET parent = ? WHERE id = ?", (parent_id, snapshot_id))
            database.execute(
                "UPDATE snapshot SET name = ?, kind = ?, updated_at = ?, size_bytes = ?, inodes = ? WHERE id = ?",
                (name, Kind.COMMITTED.value, time.time(), usage.size_bytes, usage.inodes, snapshot_id),
            )
            database.execute("DELETE FROM label WHERE snapshot = ?", (snapshot_id,))
            _set_labels(database, snapshot_id, labels or {})

    def start_removal(self, snapshot_id: int) -> None:
        """Take its name from a snapshot, whose directory goes next.

        Raises:
            FailedPrecondition: it has children.
        """
        with self._transaction() as database:
            children = database.execute(
                "SELECT coalesce(name, id) FROM snapshot WHERE parent = ? ORDER BY id LIMIT 1", (snapshot_id,)
            ).fetchone()
            if children:
                name = database.execute("SELECT name FROM snapshot WHERE id = ?", (snapshot_id,)).fetchone()[0]
                raise FailedPrecondition(
                    f'cannot remove snapshot "{name}": "{children[0]}" is on top of it', hint="remove that first"
                )
            database.execute("UPDATE snapshot SET name = NULL, state = ? WHERE id = ?", (REMOVING, snapshot_id))

    def forget(self, snapshot_id: int) -> None:
        """Drop the record of a snapshot of which nothing is left."""
        with self._transaction(is_durable=False) as database:
            database.execute("DELETE FROM snapshot WHERE id = ?", (snapshot_id,))

    def update_labels(self, name: str, labels: Mapping[str, str | None]) -> SnapshotInfo:
        """Set labels; None removes one. Returns the snapshot as it is then."""
        with self._transaction(is_durable=False) as database:
            record = _ready(database, name)
            removed = [(record.id, key) for key, value in labels.items() if value is None]
            database.executemany("DELETE FROM label WHERE snapshot = ? AND key = ?", removed)
            _set_labels(database, record.id, {key: value for key, value in labels.items() if value is not None})
            database.execute("UPDATE snapshot SET updated_at = ? WHERE id = ?", (time.time(), record.id))
            return _info(_ready(database, name), _labels(database, record.id))

    def get(self, name: str) -> Record:
        """The ready snapshot of this name."""
        with self._reading() as database:
            return _ready(database, name)

    def committed(self, name: str) -> Record:
        """The committed snapshot of this name.

        Raises:
            FailedPrecondition: it is of another kind.
        """
        with self._reading() as database:
            return _committed(database, name)

    def info(self, name: str) -> SnapshotInfo:
        """The ready snapshot of this name, as callers see it."""
        with self._reading() as database:
            record = _ready(database, name)
            return _info(record, _labels(database, record.id))

    def by_id(self, snapshot_id: int) -> Record | None:
        """The record of this number in any state."""
        with self._reading() as database:
            return _one(database, "child.id = ?", snapshot_id)

    def holder(self, name: str) -> Record | None:
        """The record that has the name, ready or in the making."""
        with self._reading() as database:
            return _one(database, "child.name = ?", name)

    def parents(self, snapshot_id: int) -> list[int]:
        """The numbers of the snapshots below one, the nearest first."""
        with self._reading() as database:
            return [row[0] for row in database.execute(_CHAIN, (snapshot_id,))]

    def unfinished(self, *, parent_id: int | None = None) -> list[int]:
        """The numbers of what is being made or removed, or was, when somebody crashed; all, or those on one parent."""
        query = "SELECT id FROM snapshot WHERE state != ? AND (? IS NULL OR parent = ?)"
        with self._reading() as database:
            return [row[0] for row in database.execute(query, (READY, parent_id, parent_id))]

    def walk(self) -> list[SnapshotInfo]:
        """All ready snapshots, parents before children."""
        with self._reading() as database:
            labels: dict[int, dict[str, str]] = {}
            for snapshot_id, key, value in database.execute("SELECT snapshot, key, value FROM label"):
                labels.setdefault(snapshot_id, {})[key] = value
            query = (
                f"{_BY_DEPTH} SELECT {_COLUMNS} JOIN tree ON tree.id = child.id"
                " WHERE child.state = ? ORDER BY tree.depth, child.id"
            )
            records = [_record(row) for row in database.execute(query, (READY,))]
            return [_info(record, labels.get(record.id, {})) for record in records]

    def _make_tables(self) -> None:
        with self._transaction() as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == _VERSION:
                return
            if version:
                raise FailedPrecondition(
                    f"{self._path}: version {version} of the records is not {_VERSION}", hint="use the newer orlop"
                )
            for statement in _SCHEMA.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _transaction(self, *, is_durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction that writes. Power loss can take one back that is not durable, until the next durable one."""
        # IMMEDIATE: one that reads first and wants to write then fails where another writer was quicker.
        with self._reading(begin="BEGIN IMMEDIATE", synchronous="FULL" if is_durable else "NORMAL") as database:
            yield database

    @contextmanager
    def _reading(self, *, begin: str = "BEGIN", synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        with self._mutex:
            try:
                self._connection.execute(f"PRAGMA synchronous = {synchronous}")
                self._connection.execute(begin)
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error) -> Internal | Unavailable:
        if full := full_disk(self._path, error):
            return full
        name = getattr(error, "sqlite_errorname", "")
        message = f"{self._path}: {error}"
        if name.startswith("SQLITE_BUSY"):
            return Unavailable(message, hint="another process is writing; try again")
        if name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")):
            return KernelError(message, hint="see the file system of that path")
        return Internal(message)


def _refuse_taken(database: sqlite3.Connection, name: str, *, but: int = 0) -> None:
    taken = database.execute("SELECT 1 FROM snapshot WHERE name = ? AND id != ?", (name, but)).fetchone()
    if taken:
        raise AlreadyExists(f'snapshot "{name}" exists already')


def _committed(database: sqlite3.Connection, name: str) -> Record:
    record = _ready(database, name)
    if record.kind is not Kind.COMMITTED:
        raise FailedPrecondition(
            f'snapshot "{name}" cannot be a parent: it is {record.kind.value.lower()}', hint="commit it first"
        )
    return record


def _ready(database: sqlite3.Connection, name: str) -> Record:
    record = _one(database, "child.name = ?", name)
    if record is None or record.state != READY:
        raise NotFound(f'there is no snapshot "{name}"')
    return record


def _one(database: sqlite3.Connection, condition: str, value: str | int) -> Record | None:
    row = database.execute(f"SELECT {_COLUMNS} WHERE {condition}", (value,)).fetchone()
    return _record(row) if row else None


def _record(row: tuple[int, str | None, str, str, int | None, str, float, float, int, int]) -> Record:
    snapshot_id, name, kind, state, parent_id, parent, created_at, updated_at, size_bytes, inodes = row
    return Record(
        id=snapshot_id,
        name=name or "",
        kind=Kind(kind),
        state=state,
        parent_id=parent_id,
        parent=parent,
        created_at=created_at,
        updated_at=updated_at,
        usage=Usage(size_bytes=size_bytes, inodes=inodes),
    )


def _labels(database: sqlite3.Connection, snapshot_id: int) -> dict[str, str]:
    return dict(database.execute("SELECT key, value FROM label WHERE snapshot = ? ORDER BY key", (snapshot_id,)))


def _set_labels(database: sqlite3.Connection, snapshot_id: int, labels: Mapping[str, str]) -> None:
    database.executemany(
        "INSERT OR REPLACE INTO label (snapshot, key, value) VALUES (?, ?, ?)",
        [(snapshot_id, key, value) for key, value in labels.items()],
    )


def _info(record: Record, labels: Mapping[str, str]) -> SnapshotInfo:
    return SnapshotInfo(
        name=record.name,
        kind=record.kind,
        parent=record.parent,
        created_at=record.created_at,
        updated_at=record.updated_at,
        labels=labels,
    )
