"""What an image takes, and by which digests it can be called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orlop.metadata.footprint import Footprint, footprints
from orlop.metadata.namespaces import ensure_namespace

if TYPE_CHECKING:
    import sqlite3

    from orlop.metadata.database import Database

_REF = "containerd.io/gc.ref.content"


def _put(connection: sqlite3.Connection, digest: str, size: int, labels: dict[str, str], namespace: str = "a") -> None:
    ensure_namespace(connection, namespace)
    connection.execute("INSERT INTO blobs VALUES (?, ?, ?, ?, 0, 0)", (namespace, digest, size, json.dumps(labels)))


def test_all_blobs_below_count_once_and_documents_are_told(database: Database) -> None:
    with database.write() as connection:
        _put(connection, "index", 1, {f"{_REF}.m.0": "one", f"{_REF}.m.1": "two"})
        _put(connection, "one", 10, {f"{_REF}.config": "c1", f"{_REF}.l.0": "shared", f"{_REF}.l.1": "shared"})
        _put(connection, "two", 20, {f"{_REF}.config": "c2", f"{_REF}.l.0": "shared"})
        _put(connection, "c1", 100, {"containerd.io/gc.ref.snapshot.erofs": "s"})
        _put(connection, "c2", 200, {})
        _put(connection, "shared", 1000, {"containerd.io/uncompressed": "d"})
        _put(connection, "other", 5000, {})
    with database.read() as connection:
        found = footprints(connection, "a", ["index", "one"])
    assert found == {
        "index": Footprint(1331, frozenset({"index", "one", "two", "c1", "c2"})),
        "one": Footprint(1110, frozenset({"one", "c1"})),
    }


def test_what_the_namespace_does_not_have_counts_nothing(database: Database) -> None:
    with database.write() as connection:
        _put(connection, "one", 10, {f"{_REF}.l.0": "layer"}, "a")
        _put(connection, "layer", 10, {}, "b")
    with database.read() as connection:
        assert footprints(connection, "a", ["one"])["one"].size_bytes == 10
        assert footprints(connection, "b", ["one"]) == {"one": Footprint(0, frozenset({"one"}))}


def test_blobs_that_hold_each_other_end(database: Database) -> None:
    with database.write() as connection:
        _put(connection, "one", 1, {f"{_REF}.m.0": "two"})
        _put(connection, "two", 2, {f"{_REF}.m.0": "one"})
    with database.read() as connection:
        assert footprints(connection, "a", ["one"])["one"].size_bytes == 3
