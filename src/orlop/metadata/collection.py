"""Collection of garbage: what nobody needs is marked and its records deleted, then what has no record is swept.

The mark and the deletion of records are one transaction: whatever a lease, an image or a label comes to hold is held
before it or after it, and who comes after finds no record and makes (or adopts) the thing anew. The sweep then takes
the bytes of blobs and snapshots without a record. It asks for the record and deletes while it keeps out everybody who
is between making a thing and making its record (`CollectionLock`). A crash at any moment leaves things without a
record, which the next sweep takes; there is never a record whose thing a collection has taken.

On a full disk one transaction for everything may not find room for its log. Then it goes on in batches that fit in
the reserve, each followed by a sweep that makes room, each twice the last until one is too large again. Where others
ate of the reserve in the meantime, the first batch is of one record.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, KernelError, NotFound, Unavailable

from .marking import delete_rows, mark

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from orlop.content.contract import ContentStore
    from orlop.errors import OrlopError
    from orlop.oci.digest import Digest
    from orlop.snapshot.contract import Snapshotter

    from .database import Database
    from .lease_owner import LeaseOwners
    from .locks import CollectionLock
    from .reachability import Node

_FIRST_BATCH = 64  # rows; each is on at most two pages of 4 KiB that go to the log: half of a whole reserve
_SWEPT_AT_ONCE = 32  # how many blobs go before those who wait to commit one get their turn
_BLOCK = 512  # st_blocks counts these


@dataclass(slots=True)
class Collected:
    """What a collection removed. `records` are rows by namespace; `blobs` and `snapshots` what went from the disk."""

    leases: list[tuple[str, str]] = field(default_factory=list)
    records: list[Node] = field(default_factory=list)
    blobs: list[Digest] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)  # SNAPSHOTTER/NAMESPACE/NAME
    ingests: int = 0  # how many went from the disk
    quarantined: list[str] = field(default_factory=list)  # what repairs had set aside
    freed_bytes: int = 0  # as `du` counts: blocks; of an ingest, what was written
    failures: list[OrlopError] = field(default_factory=list)  # what could not be removed now, such as what is mounted


class Collector:
    """Collects a whole store: all namespaces."""

    def __init__(
        self,
        database: Database,
        lock: CollectionLock,
        content: ContentStore,
        snapshotters: Mapping[str, Snapshotter],
        owners: LeaseOwners,
    ) -> None:
        self._database = database
        self._lock = lock
        self._content = content
        self._snapshotters = snapshotters
        self._owners = owners

    def collect(self, collected: Collected | None = None, *, keeps_resumable: bool = True) -> Collected:
        """Remove what nobody needs; returns what that was. Others may use the store meanwhile, and collect too.

        What an earlier pass `collected` is returned with it. `keeps_resumable` is that of `mark`.

        Raises:
            KernelError: the disk is so full that not even the reserve was enough; the message says so.
        """
        collected = collected or Collected()
        limit: int | None = None
        while True:
            freed_before = collected.freed_bytes
            try:
                is_complete = self._delete_marked(collected, limit, keeps_resumable=keeps_resumable)
            except KernelError as err:
                if err.errno != errno.ENOSPC:
                    raise
                self._database.checkpoint()  # the log may start anew in its old blocks
                self._sweep(collected)
                if limit == 1 and collected.freed_bytes == freed_before:
                    raise
                limit = _FIRST_BATCH if limit is None or limit > _FIRST_BATCH else 1
                continue
            self._sweep(collected)
            if is_complete:
                return collected
            self._database.checkpoint()
            limit = limit * 2 if limit else _FIRST_BATCH

    def _delete_marked(self, collected: Collected, limit: int | None, *, keeps_resumable: bool) -> bool:
        """Mark, and delete up to `limit` records; says whether that was all."""
        with self._database.write(is_freeing=True) as connection:
            marked = mark(
                connection, now=time.time(), is_owner_dead=self._owners.is_dead, keeps_resumable=keeps_resumable
            )
            nodes = delete_rows(connection, marked, limit=limit)
        leases = marked.leases[:limit]
        collected.leases.extend(leases)
        collected.records.extend(nodes)
        return len(leases) == len(marked.leases) and len(nodes) == len(marked.nodes)

    def _sweep(self, collected: Collected) -> None:
        # Blobs and ingests first: to delete a file takes no room, to delete a snapshot's record may.
        self._sweep_content(collected)
        self._sweep_ingests(collected)
        for snapshotter in self._snapshotters.values():
            self._sweep_snapshots(snapshotter, collected)
        self._owners.sweep()

    def _sweep_content(self, collected: Collected) -> None:
        with self._database.read() as connection:
            known = {digest for (digest,) in connection.execute("SELECT digest FROM blobs")}
        candidates = [info.digest for info in self._content.walk() if str(info.digest) not in known]
        for start in range(0, len(candidates), _SWEPT_AT_ONCE):
            batch = candidates[start : start + _SWEPT_AT_ONCE]
            with self._lock.exclusive():
                with self._database.read() as connection:  # it may have been adopted since
                    orphans = [digest for digest in batch if not _has_blob(connection, digest)]
                for digest in orphans:
                    self._delete_blob(digest, collected)

    def _delete_blob(self, digest: Digest, collected: Collected) -> None:
        with suppress(NotFound):
            with self._content.open(digest) as reader:
                size = os.fstat(reader.fileno()).st_blocks * _BLOCK
            self._content.delete(digest)
            collected.blobs.append(digest)
            collected.freed_bytes += size

    def _sweep_ingests(self, collected: Collected) -> None:
        for status in list(self._content.ingests()):
            with self._lock.exclusive(), suppress(NotFound, Unavailable):  # it ended, or its writer lives
                with self._database.read() as connection:
                    row = connection.execute("SELECT 1 FROM ingests WHERE backing_ref = ?", (status.ref,)).fetchone()
                if row is None:
                    self._content.abort(status.ref)
                    collected.ingests += 1
                    collected.freed_bytes += status.offset

    def _sweep_snapshots(self, snapshotter: Snapshotter, collected: Collected) -> None:
        collected.freed_bytes += snapshotter.cleanup()
        with self._database.read() as connection:
            known = {
                f"{namespace}/{name}"
                for namespace, name in connection.execute(
                    "SELECT namespace, name FROM snapshots WHERE snapshotter = ?", (snapshotter.name,)
                )
            }
        # Children before parents. A name without a slash is none of ours.
        names = [info.name for info in snapshotter.walk() if info.name not in known and "/" in info.name]
        for name in reversed(names):
            with self._lock.exclusive(), suppress(NotFound, FailedPrecondition):  # gone, or something stands on it
                with self._database.read() as connection:
                    is_known = _has_snapshot(connection, snapshotter.name, name)
                if not is_known:
                    _remove_snapshot(snapshotter, name, collected)


def _remove_snapshot(snapshotter: Snapshotter, name: str, collected: Collected) -> None:
    try:
        size = snapshotter.usage(name).size_bytes
        snapshotter.remove(name)
    except KernelError as err:
        collected.failures.append(err)
        return
    collected.snapshots.append(f"{snapshotter.name}/{name}")
    collected.freed_bytes += size


def _has_blob(connection: sqlite3.Connection, digest: Digest) -> bool:
    return connection.execute("SELECT 1 FROM blobs WHERE digest = ? LIMIT 1", (str(digest),)).fetchone() is not None


def _has_snapshot(connection: sqlite3.Connection, snapshotter: str, backing_name: str) -> bool:
    namespace, _, name = backing_name.partition("/")
    row = connection.execute(
        "SELECT 1 FROM snapshots WHERE namespace = ? AND snapshotter = ? AND name = ?", (namespace, snapshotter, name)
    ).fetchone()
    return row is not None
