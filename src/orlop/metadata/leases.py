"""The leases of one namespace: `LeaseManager` of image/contract.py, as rows of metadata.db.

When a lease ends by itself stands in its label `containerd.io/gc.expire`, which `lifetime_s` sets too. An expired one
holds nothing, and is gone for everybody but the collection, which removes it. With the label `containerd.io/gc.flat`
a lease holds what it names, without what the labels of that refer to.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, InvalidArgument, NotFound
from orlop.image.contract import GC_EXPIRE, Lease, ResourceType
from orlop.oci.digest import Digest

from .labels import checked_labels, decoded_labels, encoded_labels
from .namespaces import ensure_namespace
from .rfc3339 import parse_time, time_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from .database import Database

_MAX_ID = 255
_IS_LIVE = "(expires_at IS NULL OR expires_at > ?)"


class NamespacedLeases:
    """Holds on things, in one namespace."""

    def __init__(self, database: Database, namespace: str) -> None:
        self._database = database
        self._namespace = namespace

    def create(
        self, lease_id: str = "", *, lifetime_s: float | None = None, labels: Mapping[str, str] | None = None
    ) -> Lease:
        """A new lease; without an id it gets a random one.

        Raises:
            AlreadyExists: there is one of this id.
            InvalidArgument: the id cannot be one, or `containerd.io/gc.expire` is no time.
        """
        lease_id = lease_id or secrets.token_hex(16)
        if len(lease_id) > _MAX_ID or not lease_id.isprintable():
            raise InvalidArgument(f"lease {lease_id[:64]!r}: an id has up to {_MAX_ID} printable characters")
        now = time.time()
        lease = _new_lease(lease_id, now, lifetime_s, checked_labels(labels))
        with self._database.write(is_durable=False) as connection:
            ensure_namespace(connection, self._namespace)
            connection.execute(
                "DELETE FROM leases WHERE namespace = ? AND id = ? AND expires_at <= ?",
                (self._namespace, lease_id, now),
            )
            done = connection.execute(
                "INSERT OR IGNORE INTO leases (namespace, id, labels, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
                (self._namespace, lease_id, encoded_labels(lease.labels), now, lease.expires_at),
            )
            if done.rowcount == 0:
                raise AlreadyExists(f'lease "{lease_id}": exists already in namespace "{self._namespace}"')
        return lease

    def delete(self, lease_id: str) -> None:
        """End it. What only it held goes with the next collection."""
        with self._database.write(is_durable=False) as connection:
            done = connection.execute("DELETE FROM leases WHERE namespace = ? AND id = ?", (self._namespace, lease_id))
            if done.rowcount == 0:
                raise _not_found(self._namespace, lease_id)

    def list(self) -> Iterator[Lease]:
        """All leases that have not expired, by id."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT id, created_at, expires_at, labels FROM leases WHERE namespace = ? AND {_IS_LIVE} "  # noqa: S608
                "ORDER BY id",
                (self._namespace, time.time()),
            ).fetchall()
        return (
            Lease(id=lease_id, created_at=created_at, expires_at=expires_at, labels=decoded_labels(labels))
            for lease_id, created_at, expires_at, labels in rows
        )

    def add(self, lease_id: str, kind: ResourceType, reference: str) -> None:
        """Hold something, which need not be there yet.

        Raises:
            InvalidArgument: the reference is no digest (content), or lacks its snapshotter (snapshots).
        """
        _check_reference(kind, reference)
        with self._database.write(is_durable=False) as connection:
            hold(connection, self._namespace, lease_id, kind, reference)

    def remove(self, lease_id: str, kind: ResourceType, reference: str) -> None:
        """Hold it no longer; that it never did is no error."""
        with self._database.write(is_durable=False) as connection:
            _require(connection, self._namespace, lease_id)
            release(connection, self._namespace, kind, reference, lease_id=lease_id)

    def resources(self, lease_id: str) -> Iterator[tuple[ResourceType, str]]:
        """What it holds, by kind and reference."""
        with self._database.read() as connection:
            _require(connection, self._namespace, lease_id)
            rows = connection.execute(
                "SELECT kind, reference FROM lease_resources WHERE namespace = ? AND lease = ? "
                "ORDER BY kind, reference",
                (self._namespace, lease_id),
            ).fetchall()
        return ((kind := ResourceType(word), _reference(kind, stored)) for word, stored in rows)


def hold(connection: sqlite3.Connection, namespace: str, lease_id: str, kind: ResourceType, reference: str) -> None:
    """Let a lease hold something, in a transaction that writes. An empty id is no lease.

    Raises:
        NotFound: there is no such lease, or it has expired.
    """
    if not lease_id:
        return
    _require(connection, namespace, lease_id)
    connection.execute(
        "INSERT OR IGNORE INTO lease_resources (namespace, lease, kind, reference) VALUES (?, ?, ?, ?)",
        (namespace, lease_id, kind.value, _stored(kind, reference)),
    )


def is_held(connection: sqlite3.Connection, namespace: str, lease_id: str, kind: ResourceType, reference: str) -> bool:
    """Whether the lease holds it already; with an empty id there is nothing to do, so yes."""
    if not lease_id:
        return True
    _require(connection, namespace, lease_id)
    row = connection.execute(
        "SELECT 1 FROM lease_resources WHERE namespace = ? AND lease = ? AND kind = ? AND reference = ?",
        (namespace, lease_id, kind.value, _stored(kind, reference)),
    ).fetchone()
    return row is not None


def release(
    connection: sqlite3.Connection, namespace: str, kind: ResourceType, reference: str, *, lease_id: str
) -> None:
    """Let a lease hold something no longer, in a transaction that writes."""
    connection.execute(
        "DELETE FROM lease_resources WHERE namespace = ? AND lease = ? AND kind = ? AND reference = ?",
        (namespace, lease_id, kind.value, _stored(kind, reference)),
    )


def stored_ref(ref: str) -> str:
    """An ingest's ref as a column holds it: a ref may have bytes that are no UTF-8, and NUL, which SQLite takes not."""
    return ref.encode("unicode_escape").decode("ascii")


def _stored(kind: ResourceType, reference: str) -> str:
    return stored_ref(reference) if kind is ResourceType.INGEST else reference


def _reference(kind: ResourceType, stored: str) -> str:
    return stored.encode("ascii").decode("unicode_escape") if kind is ResourceType.INGEST else stored


def _new_lease(lease_id: str, now: float, lifetime_s: float | None, labels: dict[str, str]) -> Lease:
    expires_at = None
    if lifetime_s is not None:
        expires_at = now + lifetime_s
        labels = labels | {GC_EXPIRE: time_text(expires_at)}
    elif GC_EXPIRE in labels:
        expires_at = parse_time(labels[GC_EXPIRE], place=f'lease "{lease_id}": labels["{GC_EXPIRE}"]')
    return Lease(id=lease_id, created_at=now, expires_at=expires_at, labels=labels)


def _check_reference(kind: ResourceType, reference: str) -> None:
    if kind is ResourceType.CONTENT:
        Digest.parse(reference, place="lease: content")
    elif kind is ResourceType.SNAPSHOT and not all(reference.partition("/")):
        raise InvalidArgument(f'lease: snapshots: "{reference}" is no snapshot', hint="write SNAPSHOTTER/KEY")
    elif not reference:
        raise InvalidArgument(f"lease: {kind.value}: must not be empty")


def _require(connection: sqlite3.Connection, namespace: str, lease_id: str) -> None:
    row = connection.execute(
        f"SELECT 1 FROM leases WHERE namespace = ? AND id = ? AND {_IS_LIVE}",  # noqa: S608 - a constant
        (namespace, lease_id, time.time()),
    ).fetchone()
    if row is None:
        raise _not_found(namespace, lease_id)


def _not_found(namespace: str, lease_id: str) -> NotFound:
    return NotFound(f'lease "{lease_id}": not found in namespace "{namespace}", or it has expired')
