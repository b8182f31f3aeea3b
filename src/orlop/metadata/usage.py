"""What a store takes on the disk, and for whom: `orlop df`.

The parts add up to what `du -sx --block-size=1 ROOT` says, whatever is in the root: what is none of the parts is
`other`. Blobs that several namespaces have are on the disk once; each namespace is told all that it has, so the sum
of the namespaces may be more than the whole.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import NotFound
from orlop.image.contract import ResourceType

from .disk_usage import DiskUsage
from .marking import mark

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from orlop.content.contract import ContentStore
    from orlop.snapshot.contract import Snapshotter

    from .database import Database
    from .layout import Layout
    from .lease_owner import LeaseOwners

_BLOCK = 512  # st_blocks counts these


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceUsage:
    """What one namespace has; bytes are those on the disk. The mappings are by snapshotter."""

    name: str
    images: int
    blobs: int
    content_bytes: int
    ingests: int
    snapshots: Mapping[str, int]
    snapshot_bytes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUsage:
    """What a whole store takes, in bytes on the disk."""

    content_bytes: int  # blobs, their labels and directories
    ingest_bytes: int
    quarantine_bytes: int  # what repairs set aside
    snapshot_bytes: Mapping[str, int]  # by snapshotter, with its own records
    database_bytes: int
    reserve_bytes: int
    other_bytes: int  # locks, the root directory itself, and whatever else somebody put there
    reclaimable_bytes: int  # what `Store.prune` would free: part of the above
    namespaces: tuple[NamespaceUsage, ...]

    @property
    def total_bytes(self) -> int:
        """The sum of the parts."""
        content = self.content_bytes + self.ingest_bytes + self.quarantine_bytes
        others = self.database_bytes + self.reserve_bytes + self.other_bytes
        return content + sum(self.snapshot_bytes.values()) + others


class UsageReport:
    """Measures a store: what its records say when the report is made, and what is on the disk when it is measured.

    SQLite's logs are on the disk while somebody has a database open. So that a report has them only where they stay,
    it may be measured after the store that made it is closed.
    """

    def __init__(
        self,
        database: Database,
        layout: Layout,
        content: ContentStore,
        snapshotters: Mapping[str, Snapshotter],
        owners: LeaseOwners,
    ) -> None:
        self._layout = layout
        with database.read() as connection:
            garbage = mark(connection, now=time.time(), is_owner_dead=owners.is_dead, keeps_resumable=False).nodes
            rows = _Rows(connection)
        blob_bytes = _blob_bytes(content)
        snapshot_bytes = _snapshot_bytes(snapshotters)
        gone = {(node.kind, node.namespace, node.key) for node in garbage}
        kept_blobs = {digest for namespace, digest in rows.blobs if (_CONTENT, namespace, digest) not in gone}
        kept_ingests = {backing for namespace, ref, backing in rows.ingests if (_INGEST, namespace, ref) not in gone}
        kept_snapshots = {key for key in rows.snapshots if (_SNAPSHOT, key[0], f"{key[1]}/{key[2]}") not in gone}
        self._garbage_bytes = (
            sum(status.offset for status in content.ingests() if status.ref not in kept_ingests)
            + sum(size for digest, size in blob_bytes.items() if digest not in kept_blobs)
            + sum(size for key, size in snapshot_bytes.items() if key not in kept_snapshots)
        )
        self._namespaces = tuple(rows.usage_of(name, blob_bytes, snapshot_bytes) for name in rows.namespaces)

    def measure(self) -> StoreUsage:
        """The usage as it is now; while others use the store, the parts may be of different moments."""
        disk, layout = DiskUsage(self._layout.root), self._layout
        set_aside_bytes = sum(map(disk.of, layout.quarantined))
        return StoreUsage(
            ingest_bytes=disk.of(layout.ingests),
            quarantine_bytes=set_aside_bytes + disk.of(layout.quarantine),  # and the directory, which stays
            content_bytes=disk.of(layout.content),
            snapshot_bytes={path.name: disk.of(path) for path in layout.snapshotter_directories()},
            database_bytes=sum(map(disk.of, layout.database_files)),
            reserve_bytes=disk.of(layout.reserve),
            other_bytes=disk.of(layout.root),
            reclaimable_bytes=set_aside_bytes + self._garbage_bytes,
            namespaces=self._namespaces,
        )


def _blob_bytes(content: ContentStore) -> dict[str, int]:
    found = {}
    for info in content.walk():
        try:
            with content.open(info.digest) as reader:
                found[str(info.digest)] = os.fstat(reader.fileno()).st_blocks * _BLOCK
        except NotFound:
            continue
    return found


def _snapshot_bytes(snapshotters: Mapping[str, Snapshotter]) -> dict[tuple[str, str, str], int]:
    """By namespace, snapshotter and name."""
    found = {}
    for snapshotter in snapshotters.values():
        for info in snapshotter.walk():
            namespace, slash, name = info.name.partition("/")
            try:
                size = snapshotter.usage(info.name).size_bytes if slash else 0
            except NotFound:
                continue
            if slash:
                found[namespace, snapshotter.name, name] = size
    return found


_CONTENT, _INGEST = ResourceType.CONTENT.value, ResourceType.INGEST.value
_SNAPSHOT = ResourceType.SNAPSHOT.value


class _Rows:
    """What namespaces have, by the database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.namespaces = [name for (name,) in connection.execute("SELECT name FROM namespaces ORDER BY name")]
        self._images = Counter(name for (name,) in connection.execute("SELECT namespace FROM images"))
        self.ingests: list[tuple[str, str, str]] = connection.execute(
            "SELECT namespace, ref, backing_ref FROM ingests"
        ).fetchall()
        self.blobs: list[tuple[str, str]] = connection.execute("SELECT namespace, digest FROM blobs").fetchall()
        self.snapshots: list[tuple[str, str, str]] = connection.execute(
            "SELECT namespace, snapshotter, name FROM snapshots"
        ).fetchall()

    def usage_of(
        self, name: str, blob_bytes: Mapping[str, int], snapshot_bytes: Mapping[tuple[str, str, str], int]
    ) -> NamespaceUsage:
        blobs = [digest for namespace, digest in self.blobs if namespace == name]
        counts: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for key in self.snapshots:
            if key[0] == name:
                counts[key[1]] += 1
                sizes[key[1]] += snapshot_bytes.get(key, 0)
        return NamespaceUsage(
            name=name,
            images=self._images[name],
            blobs=len(blobs),
            content_bytes=sum(blob_bytes.get(digest, 0) for digest in blobs),
            ingests=sum(namespace == name for namespace, _, _ in self.ingests),
            snapshots=dict(counts),
            snapshot_bytes=dict(sizes),
        )
