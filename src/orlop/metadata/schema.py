"""The tables of metadata.db, as the steps that make them: step N brings a database from version N to N + 1.

A step that a release has carried is never changed; a change is one more step. Labels and descriptors are JSON texts.
Each row belongs to a namespace, which cannot be deleted while it has any (the foreign keys say so).
"""

from __future__ import annotations

APPLICATION_ID = (
    0x4F726C70  # "Orlp": says in the header of the file whose database it is (`file`, `PRAGMA application_id`)
)

_FIRST = (
    "CREATE TABLE namespaces (name TEXT PRIMARY KEY, labels TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE images (
        namespace TEXT NOT NULL REFERENCES namespaces (name), name TEXT NOT NULL,
        digest TEXT NOT NULL, target TEXT NOT NULL, labels TEXT NOT NULL,
        created_at REAL NOT NULL, updated_at REAL NOT NULL,
        PRIMARY KEY (namespace, name)) WITHOUT ROWID""",
    """CREATE TABLE blobs (
        namespace TEXT NOT NULL REFERENCES namespaces (name), digest TEXT NOT NULL,
        size INTEGER NOT NULL, labels TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL,
        PRIMARY KEY (namespace, digest)) WITHOUT ROWID""",
    "CREATE INDEX blobs_by_digest ON blobs (digest)",  # who else has it: asked once per blob that is swept
    """CREATE TABLE ingests (
        namespace TEXT NOT NULL REFERENCES namespaces (name), ref TEXT NOT NULL,
        backing_ref TEXT NOT NULL UNIQUE, total INTEGER NOT NULL, expected TEXT NOT NULL,
        started_at REAL NOT NULL, expires_at REAL,
        PRIMARY KEY (namespace, ref)) WITHOUT ROWID""",
    """CREATE TABLE snapshots (
        namespace TEXT NOT NULL REFERENCES namespaces (name), snapshotter TEXT NOT NULL, name TEXT NOT NULL,
        parent TEXT NOT NULL, labels TEXT NOT NULL, updated_at REAL NOT NULL,
        PRIMARY KEY (namespace, snapshotter, name)) WITHOUT ROWID""",
    """CREATE TABLE leases (
        namespace TEXT NOT NULL REFERENCES namespaces (name), id TEXT NOT NULL,
        labels TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL,
        PRIMARY KEY (namespace, id)) WITHOUT ROWID""",
    """CREATE TABLE lease_resources (
        namespace TEXT NOT NULL, lease TEXT NOT NULL, kind TEXT NOT NULL, reference TEXT NOT NULL,
        PRIMARY KEY (namespace, lease, kind, reference),
        FOREIGN KEY (namespace, lease) REFERENCES leases (namespace, id) ON DELETE CASCADE) WITHOUT ROWID""",
)

STEPS: tuple[tuple[str, ...], ...] = (_FIRST,)
VERSION = len(STEPS)
