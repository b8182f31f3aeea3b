"""The content of one namespace: `ContentStore` of content/contract.py, over a store that all namespaces share.

A blob is visible in a namespace that has a record of it, with labels of its own. Its bytes are kept once, and go with
a collection when no namespace has a record. With a lease, whatever is committed, found or opened through the store is
held by the lease before the caller learns that it is there. An ingest outlives its lease by up to a day, for whoever
goes on with it.

A namespace *adopts* a blob that the shared store has and it has not, when it begins an ingest that names the digest:
who knows the digest could have had the bytes from the registry. That is containerd's sharing policy "shared". With
"isolated", only blobs that some namespace labels `containerd.io/namespace.shareable=true` are adopted; the bytes of
others have to be written again, to prove that the namespace has them, and are then kept once as before.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from orlop.content.contract import BlobInfo, IngestStatus
from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orlop.image.contract import ResourceType
from orlop.oci.digest import Digest

from .labels import changed_labels, checked_labels, decoded_labels, encoded_labels
from .leases import hold, is_held, release, stored_ref
from .namespaces import ensure_namespace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from typing import Self

    from orlop.content.contract import BlobReader, ContentStore, Ingest

    from .database import Database
    from .locks import CollectionLock

SHAREABLE = "containerd.io/namespace.shareable"
INGEST_LIFETIME_S = 24 * 60 * 60.0  # containerd's: nobody goes on with it after a day
_MAX_REF_BYTES = 512


class Sharing(Enum):
    """What a namespace may adopt."""

    SHARED = "shared"
    ISOLATED = "isolated"


class NamespacedContent:
    """Blobs and ingests of one namespace."""

    def __init__(
        self,
        database: Database,
        backing: ContentStore,
        lock: CollectionLock,
        namespace: str,
        *,
        lease_id: str = "",
        sharing: Sharing = Sharing.SHARED,
    ) -> None:
        self._database = database
        self._backing = backing
        self._lock = lock
        self._namespace = namespace
        self._lease_id = lease_id
        self._sharing = sharing

    def open(self, digest: Digest) -> BlobReader:
        """A reader of the blob; the caller closes it."""
        self._record(digest)
        return self._backing.open(digest)

    def info(self, digest: Digest) -> BlobInfo:
        """What is known of the blob in this namespace."""
        info = self._record(digest)
        self._backing.info(digest)
        return info

    def walk(self) -> Iterator[BlobInfo]:
        """All blobs of the namespace, by digest. Those that come or go meanwhile may be missed."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT digest, size, labels, created_at, updated_at FROM blobs WHERE namespace = ? ORDER BY digest",
                (self._namespace,),
            ).fetchall()
        return map(_info, rows)

    def update_labels(self, digest: Digest, labels: Mapping[str, str | None]) -> BlobInfo:
        """Set labels; None removes one. What is not named stays."""
        with self._database.write(is_durable=False) as connection:
            info = self._info(connection, digest)
            connection.execute(
                "UPDATE blobs SET labels = ?, updated_at = ? WHERE namespace = ? AND digest = ?",
                (encoded_labels(changed_labels(info.labels, labels)), time.time(), self._namespace, str(digest)),
            )
            return self._info(connection, digest)

    def delete(self, digest: Digest) -> None:
        """Remove the blob from the namespace; its bytes go with the next collection, if no other one has it."""
        with self._database.write(is_freeing=True) as connection:
            self._info(connection, digest)
            connection.execute("DELETE FROM blobs WHERE namespace = ? AND digest = ?", (self._namespace, str(digest)))

    def begin(self, ref: str, *, total: int = 0, expected: Digest | None = None) -> Ingest:
        """A writer of the ingest `ref`, which is made, or resumed where it stands.

        Raises:
            AlreadyExists: `expected` is in the namespace already, or has just been adopted by it.
            Unavailable: somebody else is writing it.
            InvalidArgument: the ref is empty or longer than 512 bytes, or `total` or `expected` are not those that it
                was begun with.
        """
        if not 0 < len(_ref_bytes(ref)) <= _MAX_REF_BYTES:
            raise InvalidArgument(f'ref: "{ref[:64]}" has {len(_ref_bytes(ref))} bytes; use 1 to {_MAX_REF_BYTES}')
        if expected is not None and (self._has(expected) or self._adopt(expected)):
            with suppress(NotFound, Unavailable):
                self.abort(ref)
            raise _exists(expected)
        backing_ref = _backing_ref(self._namespace, ref)
        with self._database.write(is_durable=False) as connection:
            self._begin_record(connection, ref, backing_ref, total, expected)
        # The shared store is not told what an isolated namespace expects: it would say that it has it.
        told = expected if self._sharing is Sharing.SHARED else None
        try:
            backing = self._backing.begin(backing_ref, total=total, expected=told)
        except AlreadyExists:  # somebody committed it just now
            if expected is not None and self._adopt(expected):
                self._forget_ingest(ref)
                raise _exists(expected) from None
            raise
        return _NamespacedIngest(self, backing, ref)

    def ingests(self) -> Iterator[IngestStatus]:
        """All ingests of the namespace that are not committed."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT backing_ref, ref, expected FROM ingests WHERE namespace = ?", (self._namespace,)
            ).fetchall()
        known = {backing_ref: (ref, expected) for backing_ref, ref, expected in rows}
        for status in self._backing.ingests():
            if status.ref in known:
                stored, expected = known[status.ref]
                yield IngestStatus(
                    ref=stored.encode("ascii").decode("unicode_escape"),
                    offset=status.offset,
                    total=status.total,
                    expected=Digest.parse(expected) if expected else None,
                    started_at=status.started_at,
                    updated_at=status.updated_at,
                )

    def abort(self, ref: str) -> None:
        """Throw an ingest away.

        Raises:
            Unavailable: somebody is writing it.
        """
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT backing_ref FROM ingests WHERE namespace = ? AND ref = ?", (self._namespace, stored_ref(ref))
            ).fetchone()
        if row is None:
            raise NotFound(f'ingest "{ref}": not found in namespace "{self._namespace}"')
        with suppress(NotFound):  # its making did not end
            self._backing.abort(row[0])
        self._forget_ingest(ref)

    def _record(self, digest: Digest) -> BlobInfo:
        """The record of a blob, which the lease holds from now on."""
        with self._database.read() as connection:
            info = self._info(connection, digest)
            if is_held(connection, self._namespace, self._lease_id, ResourceType.CONTENT, str(digest)):
                return info
        with self._database.write(is_durable=False) as connection:  # a collection may have come in between
            info = self._info(connection, digest)
            self._hold(connection, digest)
            return info

    def _info(self, connection: sqlite3.Connection, digest: Digest) -> BlobInfo:
        row = connection.execute(
            "SELECT digest, size, labels, created_at, updated_at FROM blobs WHERE namespace = ? AND digest = ?",
            (self._namespace, str(digest)),
        ).fetchone()
        if row is None:
            raise NotFound(f'content {digest}: not found in namespace "{self._namespace}"')
        return _info(row)

    def _hold(self, connection: sqlite3.Connection, digest: Digest) -> None:
        hold(connection, self._namespace, self._lease_id, ResourceType.CONTENT, str(digest))

    def _has(self, digest: Digest) -> bool:
        """Whether the namespace has the blob, record and bytes; bytes that a repair took away are fetched again."""
        try:
            self.info(digest)
        except NotFound:
            return False
        return True

    def _adopt(self, digest: Digest) -> bool:
        """Give the namespace a record of what the shared store has; False where there is none, or it may not."""
        if self._sharing is Sharing.ISOLATED and not self._is_shareable(digest):
            return False
        with self._lock.shared():
            try:
                size = self._backing.info(digest).size
            except NotFound:
                return False
            with self._database.write(is_durable=False) as connection:
                self._put_record(connection, digest, size, {})
        return True

    def _is_shareable(self, digest: Digest) -> bool:
        with self._database.read() as connection:
            rows = connection.execute("SELECT labels FROM blobs WHERE digest = ?", (str(digest),)).fetchall()
        return any(decoded_labels(labels).get(SHAREABLE) == "true" for (labels,) in rows)

    def _put_record(self, connection: sqlite3.Connection, digest: Digest, size: int, labels: dict[str, str]) -> None:
        now = time.time()
        ensure_namespace(connection, self._namespace)
        connection.execute(
            "INSERT OR IGNORE INTO blobs (namespace, digest, size, labels, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (self._namespace, str(digest), size, encoded_labels(labels), now, now),
        )
        self._hold(connection, digest)

    def _begin_record(
        self, connection: sqlite3.Connection, ref: str, backing_ref: str, total: int, expected: Digest | None
    ) -> None:
        row = connection.execute(
            "SELECT total, expected FROM ingests WHERE namespace = ? AND ref = ?", (self._namespace, stored_ref(ref))
        ).fetchone()
        known_total, known_digest = row or (0, "")
        wanted_total, wanted_digest = total or known_total, str(expected or known_digest)
        if known_total not in {0, wanted_total}:
            raise InvalidArgument(
                f'ingest "{ref}": total: was begun with {known_total}, not {total}', hint="abort it first"
            )
        if known_digest not in {"", wanted_digest}:
            raise InvalidArgument(
                f'ingest "{ref}": expected: was begun with {known_digest}, not {expected}', hint="abort it first"
            )
        now = time.time()
        ensure_namespace(connection, self._namespace)
        connection.execute(
            "INSERT INTO ingests (namespace, ref, backing_ref, total, expected, started_at, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET total = excluded.total, expected = excluded.expected, "
            "expires_at = excluded.expires_at",
            (self._namespace, stored_ref(ref), backing_ref, wanted_total, wanted_digest, now, now + INGEST_LIFETIME_S),
        )
        hold(connection, self._namespace, self._lease_id, ResourceType.INGEST, ref)

    def _end_record(self, connection: sqlite3.Connection, ref: str) -> None:
        connection.execute("DELETE FROM ingests WHERE namespace = ? AND ref = ?", (self._namespace, stored_ref(ref)))
        release(connection, self._namespace, ResourceType.INGEST, ref, lease_id=self._lease_id)

    def _forget_ingest(self, ref: str) -> None:
        # Under a lease something is being made, and this is one of its failures: see `Database.write`.
        with self._database.write(is_durable=False, is_freeing=not self._lease_id) as connection:
            self._end_record(connection, ref)

    def _commit(
        self, backing: Ingest, ref: str, *, size: int | None, expected: Digest | None, labels: dict[str, str]
    ) -> Digest:
        with self._lock.shared():  # no sweep between the bytes and their record
            try:
                digest = backing.commit(size=size, expected=expected)
            except FailedPrecondition:
                self._forget_ingest(ref)
                raise
            length = self._backing.info(digest).size
            with self._database.write(is_durable=False) as connection:
                self._put_record(connection, digest, length, labels)
                self._end_record(connection, ref)
        return digest


class _NamespacedIngest:
    """An ingest of the shared store whose commit makes the namespace's record."""

    def __init__(self, content: NamespacedContent, backing: Ingest, ref: str) -> None:
        self._content = content
        self._backing = backing
        self._ref = ref

    @property
    def ref(self) -> str:
        return self._ref

    @property
    def offset(self) -> int:
        return self._backing.offset

    def write(self, data: bytes | memoryview) -> None:
        self._backing.write(data)

    def truncate(self, size: int = 0) -> None:
        self._backing.truncate(size)

    def commit(
        self, *, size: int | None = None, expected: Digest | None = None, labels: Mapping[str, str] | None = None
    ) -> Digest:
        return self._content._commit(  # noqa: SLF001 - the two are one
            self._backing, self._ref, size=size, expected=expected, labels=checked_labels(labels)
        )

    def close(self) -> None:
        self._backing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _ref_bytes(ref: str) -> bytes:
    return ref.encode("utf-8", "surrogateescape")


def _backing_ref(namespace: str, ref: str) -> str:
    """The ref in the shared store: a namespace has no slash, and the digest keeps a long ref within 512 bytes."""
    return f"{namespace}/{hashlib.sha256(_ref_bytes(ref)).hexdigest()}"


def _info(row: tuple[str, int, str, float, float]) -> BlobInfo:
    digest, size, labels, created_at, updated_at = row
    return BlobInfo(
        digest=Digest.parse(digest),
        size=size,
        created_at=created_at,
        updated_at=updated_at,
        labels=decoded_labels(labels),
    )


def _exists(digest: Digest) -> AlreadyExists:
    return AlreadyExists(f"content {digest}: exists already")
