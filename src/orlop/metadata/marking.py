"""The marking of a collection: which rows of metadata.db nobody needs, and their deletion. No file is touched here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.image.contract import ResourceType

from .gc_labels import GC_FLAT, GC_PREFIX, is_expired, is_root, label_edges
from .labels import decoded_labels
from .lease_owner import OWNER_LABEL
from .reachability import Graph, Node

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

_CONTENT, _IMAGE = ResourceType.CONTENT.value, ResourceType.IMAGE.value
_INGEST, _SNAPSHOT = ResourceType.INGEST.value, ResourceType.SNAPSHOT.value
_NO_LABELS: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Marked:
    """What nobody needs: leases that have ended as (namespace, id), and the nodes, the largest blobs first."""

    leases: list[tuple[str, str]] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


class _Marking:
    """One pass over all rows."""

    def __init__(
        self, connection: sqlite3.Connection, now: float, is_dead: Callable[[str], bool], *, keeps_resumable: bool
    ) -> None:
        self._connection = connection
        self._keeps_resumable = keeps_resumable
        self._now = now
        self._is_dead = is_dead
        self._graph = Graph()
        self._all: list[Node] = []
        self._marked = Marked()

    def marked(self) -> Marked:
        self._leases()
        self._images()
        self._content()
        self._ingests()
        self._snapshots()
        kept = self._graph.reachable()
        self._marked.nodes.extend(node for node in self._all if node not in kept)
        return self._marked

    def _leases(self) -> None:
        flat: dict[tuple[str, str], bool] = {}
        for namespace, lease, text, expires_at in self._connection.execute(
            "SELECT namespace, id, labels, expires_at FROM leases"
        ):
            labels = decoded_labels(text)
            owner = labels.get(OWNER_LABEL)
            if (expires_at is not None and expires_at <= self._now) or (owner is not None and self._is_dead(owner)):
                self._marked.leases.append((namespace, lease))
                continue
            flat[namespace, lease] = GC_FLAT in labels
        for namespace, lease, kind, reference in self._connection.execute(
            "SELECT namespace, lease, kind, reference FROM lease_resources"
        ):
            if (namespace, lease) in flat:
                self._graph.hold(Node(kind, namespace, reference), is_flat=flat[namespace, lease])

    def _images(self) -> None:
        for namespace, name, digest, text in self._connection.execute(
            "SELECT namespace, name, digest, labels FROM images"
        ):
            node = Node(_IMAGE, namespace, name)
            self._all.append(node)
            self._graph.add_part(node, Node(_CONTENT, namespace, digest))
            if not is_expired(self._labels(node, text), self._now):
                self._graph.hold(node)

    def _content(self) -> None:
        for namespace, digest, text in self._connection.execute(
            "SELECT namespace, digest, labels FROM blobs ORDER BY size DESC"
        ):
            node = Node(_CONTENT, namespace, digest)
            self._all.append(node)
            if is_root(self._labels(node, text)):
                self._graph.hold(node)

    def _ingests(self) -> None:
        for namespace, ref, expected, expires_at in self._connection.execute(
            "SELECT namespace, ref, expected, expires_at FROM ingests"
        ):
            node = Node(_INGEST, namespace, ref)
            self._all.append(node)
            if expected:
                self._graph.add_part(node, Node(_CONTENT, namespace, expected))
            if self._keeps_resumable and expires_at is not None and expires_at > self._now:
                self._graph.hold(node)

    def _snapshots(self) -> None:
        for namespace, snapshotter, name, parent, text in self._connection.execute(
            "SELECT namespace, snapshotter, name, parent, labels FROM snapshots"
        ):
            node = Node(_SNAPSHOT, namespace, f"{snapshotter}/{name}")
            self._all.append(node)
            if parent:
                self._graph.add_part(node, Node(_SNAPSHOT, namespace, f"{snapshotter}/{parent}"))
            if is_root(self._labels(node, text)):
                self._graph.hold(node)

    def _labels(self, node: Node, text: str) -> Mapping[str, str]:
        """The labels of a row, whose edges are in the graph then; most rows have none that matter here."""
        if GC_PREFIX not in text:
            return _NO_LABELS
        labels = decoded_labels(text)
        for other, is_back in label_edges(node.namespace, labels):
            if is_back:
                self._graph.add_reference(other, node)
            else:
                self._graph.add_reference(node, other)
        return labels


def mark(
    connection: sqlite3.Connection, *, now: float, is_owner_dead: Callable[[str], bool], keeps_resumable: bool = True
) -> Marked:
    """What nobody needs at the time `now`, in seconds since the epoch.

    `keeps_resumable` says whether ingests that were begun within a day are needed though no lease holds them.
    """
    return _Marking(connection, now, is_owner_dead, keeps_resumable=keeps_resumable).marked()


def delete_rows(connection: sqlite3.Connection, marked: Marked, *, limit: int | None = None) -> list[Node]:
    """Delete what is marked, up to `limit` rows of leases and as many of others; returns the nodes that went.

    Any part of what nobody needs may be deleted without the rest: the rest is still needed by nobody.
    """
    connection.executemany("DELETE FROM leases WHERE namespace = ? AND id = ?", marked.leases[:limit])
    nodes = marked.nodes[:limit]
    connection.executemany(
        "DELETE FROM images WHERE namespace = ? AND name = ?", [node[1:] for node in nodes if node.kind == _IMAGE]
    )
    connection.executemany(
        "DELETE FROM blobs WHERE namespace = ? AND digest = ?", [node[1:] for node in nodes if node.kind == _CONTENT]
    )
    connection.executemany(
        "DELETE FROM ingests WHERE namespace = ? AND ref = ?", [node[1:] for node in nodes if node.kind == _INGEST]
    )
    connection.executemany(
        "DELETE FROM snapshots WHERE namespace = ? AND snapshotter = ? AND name = ?",
        [(node.namespace, *_split(node.key)) for node in nodes if node.kind == _SNAPSHOT],
    )
    return nodes


def _split(key: str) -> tuple[str, str]:
    snapshotter, _, name = key.partition("/")
    return snapshotter, name
