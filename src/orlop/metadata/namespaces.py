"""Namespaces: tenants of one store. Each has its own images, leases, and view of content and snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, FailedPrecondition, NotFound

from .identifier import checked_identifier
from .labels import changed_labels, checked_labels, decoded_labels, encoded_labels

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from .database import Database

_TABLES = ("images", "blobs", "ingests", "snapshots", "leases")
_WORDS = {"blobs": "blobs of content"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace that is there."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


def ensure_namespace(connection: sqlite3.Connection, name: str) -> None:
    """Make the namespace if it is not there, in a transaction that writes: the first thing put into one does."""
    connection.execute("INSERT OR IGNORE INTO namespaces (name, labels) VALUES (?, '{}')", (name,))


class Namespaces:
    """All namespaces of a store. Methods raise `NotFound` for an unknown name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, *, labels: Mapping[str, str] | None = None) -> Namespace:
        """A new namespace.

        Raises:
            AlreadyExists: there is one of this name.
            InvalidArgument: the name is no identifier, or a label is too long.
        """
        checked_identifier(name, place="namespace")
        new = checked_labels(labels)
        with self._database.write() as connection:
            if _row(connection, name) is not None:
                raise AlreadyExists(f'namespace "{name}": exists already')
            connection.execute("INSERT INTO namespaces (name, labels) VALUES (?, ?)", (name, encoded_labels(new)))
        return Namespace(name=name, labels=new)

    def get(self, name: str) -> Namespace:
        """The namespace of this name."""
        with self._database.read() as connection:
            return Namespace(name=name, labels=_labels(connection, name))

    def list(self) -> Iterator[Namespace]:
        """All namespaces, by name."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT name, labels FROM namespaces ORDER BY name").fetchall()
        return (Namespace(name=name, labels=decoded_labels(labels)) for name, labels in rows)

    def update_labels(self, name: str, labels: Mapping[str, str | None]) -> Namespace:
        """Set labels; None removes one. What is not named stays."""
        with self._database.write() as connection:
            new = changed_labels(_labels(connection, name), labels)
            connection.execute("UPDATE namespaces SET labels = ? WHERE name = ?", (encoded_labels(new), name))
        return Namespace(name=name, labels=new)

    def delete(self, name: str) -> None:
        """Remove a namespace that is empty.

        Raises:
            FailedPrecondition: there is something in it; the message says what.
        """
        with self._database.write(is_freeing=True) as connection:
            _labels(connection, name)
            held = [
                f"{count} {_WORDS.get(table, table)}" for table in _TABLES if (count := _count(connection, table, name))
            ]
            if held:
                raise FailedPrecondition(
                    f'cannot delete namespace "{name}": it has {", ".join(held)}',
                    hint=f"remove its images and leases, then `orlop -n {name} prune`",
                )
            connection.execute("DELETE FROM namespaces WHERE name = ?", (name,))


def _row(connection: sqlite3.Connection, name: str) -> tuple[str] | None:
    row: tuple[str] | None = connection.execute("SELECT labels FROM namespaces WHERE name = ?", (name,)).fetchone()
    return row


def _labels(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    row = _row(connection, name)
    if row is None:
        raise NotFound(f'namespace "{name}": not found')
    return decoded_labels(row[0])


def _count(connection: sqlite3.Connection, table: str, namespace: str) -> int:
    query = f"SELECT count(*) FROM {table} WHERE namespace = ?"  # noqa: S608 - one of _TABLES
    return int(connection.execute(query, (namespace,)).fetchone()[0])
