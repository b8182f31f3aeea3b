"""The snapshots of one namespace: `Snapshotter` of snapshot/contract.py, over one that all namespaces share.

There, a snapshot is called `NAMESPACE/NAME`; a namespace has no slash, so that is unambiguous. What is here is the
record that collection needs: labels, the parent, and that the namespace has it. Kind, times and bytes are the shared
snapshotter's. With a lease, whatever is made or found is held by it before the caller learns that it is there.

The order of things. A new active snapshot or view has its record first: then a sweep, which removes what has no
record, never meets it half made. A commit makes the committed snapshot first, then its record, while it keeps sweeps
out: then a record of something committed is never a promise that a crash breaks. `remove` removes the record last.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, OrlopError
from orlop.image.contract import ResourceType
from orlop.snapshot.contract import Kind

from .identifier import MAX_LENGTH
from .labels import changed_labels, checked_labels, decoded_labels, encoded_labels
from .leases import hold, is_held
from .namespaces import ensure_namespace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orlop.snapshot.contract import LayerTarget, Mount, SnapshotInfo, Snapshotter, Usage

    from .database import Database
    from .locks import CollectionLock

_NAME_BYTES = 1024 - MAX_LENGTH - 1  # the shared snapshotters', less a namespace and its slash
_PASSED_ON = "containerd.io/snapshot"  # labels that are meant for the snapshotter, as in containerd


class NamespacedSnapshotter:
    """Snapshots of one namespace."""

    def __init__(
        self, database: Database, backing: Snapshotter, lock: CollectionLock, namespace: str, *, lease_id: str = ""
    ) -> None:
        self._database = database
        self._backing = backing
        self._lock = lock
        self._namespace = namespace
        self._lease_id = lease_id

    @property
    def name(self) -> str:
        """The shared snapshotter's."""
        return self._backing.name

    @property
    def takes_layers_apart(self) -> bool:
        """Whether a layer can be unpacked before its parent is there, and `commit` takes `parent`."""
        return self._backing.takes_layers_apart

    def prepare(self, key: str, parent: str = "", *, labels: Mapping[str, str] | None = None) -> list[Mount]:
        """A new active snapshot on top of a committed one; how to mount it."""
        return self._make(key, parent, checked_labels(labels), self._backing.prepare)

    def view(self, key: str, parent: str, *, labels: Mapping[str, str] | None = None) -> list[Mount]:
        """A new read-only snapshot of a committed one; how to mount it."""
        return self._make(key, parent, checked_labels(labels), self._backing.view)

    def layer_target(self, key: str, *, on_parent: bool = False) -> LayerTarget:
        """Where the layer of an active snapshot goes; with `on_parent`, on top of what its parent shows."""
        with self._own_names():
            return self._backing.layer_target(self._found(key), on_parent=on_parent)

    def commit(
        self,
        name: str,
        key: str,
        *,
        parent: str | None = None,
        labels: Mapping[str, str] | None = None,
        implied: Sequence[bytes] = (),
        passed: Sequence[bytes] = (),
        deleting: Sequence[bytes] = (),
    ) -> None:
        """Make an active snapshot a committed one. All of it is durable then.

        Raises:
            NeedsParent: the layer can only be unpacked on top of its parent; the active snapshot is still there.
            AlreadyExists: there is a snapshot of this name; the active one is still there.
            InvalidArgument: `parent` where `takes_layers_apart` is false, or where the snapshot has a parent already.
        """
        _check_name(name)
        new = checked_labels(labels)
        committed, active = self._backing_name(name), self._backing_name(key)
        with self._lock.shared():  # no sweep between the snapshot and its record
            with self._database.read() as connection:
                own_parent = self._row(connection, key)[0]
                if parent:
                    self._row(connection, parent)
            backing_parent = self._backing_name(parent) if parent else parent
            try:
                with self._own_names():
                    self._backing.commit(
                        committed,
                        active,
                        parent=backing_parent,
                        labels=_passed_on(new),
                        implied=implied,
                        passed=passed,
                        deleting=deleting,
                    )
            except AlreadyExists:
                # It may be one whose record was lost in a crash: the snapshotter says that it is whole.
                self._adopt(name)
                raise self._exists(name) from None
            with self._database.write(is_durable=False) as connection:
                self._delete_row(connection, key)
                self._put_row(connection, name, parent or own_parent, new)

    def mounts(self, key: str) -> list[Mount]:
        """How to mount an active snapshot or a view, also after a reboot. Made one after the other at one target."""
        with self._own_names():
            return self._backing.mounts(self._found(key))

    def info(self, name: str) -> SnapshotInfo:
        """The record of a snapshot of any kind."""
        backing_name = self._found(name)
        with self._database.read() as connection:
            row = self._row(connection, name)
        with self._own_names():
            return self._joined(self._backing.info(backing_name), row)

    def usage(self, name: str) -> Usage:
        """What it takes on the disk; of an active one as it is now."""
        with self._own_names():
            return self._backing.usage(self._found(name))

    def update_labels(self, name: str, labels: Mapping[str, str | None]) -> SnapshotInfo:
        """Set labels; None removes one. What is not named stays."""
        with self._database.write(is_durable=False) as connection:
            _, old, _ = self._row(connection, name)
            row = changed_labels(decoded_labels(old), labels)
            connection.execute(
                "UPDATE snapshots SET labels = ?, updated_at = ? WHERE namespace = ? AND snapshotter = ? AND name = ?",
                (encoded_labels(row), time.time(), *self._key(name)),
            )
        return self.info(name)

    def remove(self, name: str) -> None:
        """Remove a snapshot that has no children. It returns when nothing of it is left, mounts of ours included."""
        with self._database.read() as connection:
            self._row(connection, name)
            child = connection.execute(
                "SELECT name FROM snapshots WHERE namespace = ? AND snapshotter = ? AND parent = ?", self._key(name)
            ).fetchone()
        if child is not None:
            raise FailedPrecondition(
                f'cannot remove snapshot "{name}": "{child[0]}" is on top of it', hint="remove that first"
            )
        with suppress(NotFound), self._own_names():  # its making did not end, or the last remove did not
            self._backing.remove(self._backing_name(name))
        self._forget(name)

    def walk(self) -> Iterator[SnapshotInfo]:
        """All snapshots of the namespace, parents before children."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name, parent, labels, updated_at FROM snapshots WHERE namespace = ? AND snapshotter = ?",
                (self._namespace, self.name),
            ).fetchall()
        known = {name: row for name, *row in rows}
        for info in self._backing.walk():
            namespace, _, name = info.name.partition("/")
            if namespace == self._namespace and name in known:
                parent, labels, updated_at = known[name]
                yield self._joined(info, (parent, labels, updated_at))

    def cleanup(self) -> int:
        """Remove what a crash left behind, of all namespaces; returns the bytes that became free."""
        return self._backing.cleanup()

    @contextmanager
    def _own_names(self) -> Iterator[None]:
        """Errors of the shared snapshotter tell names as the caller knows them."""
        try:
            yield
        except OrlopError as err:
            err.message = err.message.replace(f'"{self._namespace}/', '"')
            err.args = (err.message,)
            raise

    def _backing_name(self, name: str) -> str:
        return f"{self._namespace}/{name}"

    def _key(self, name: str) -> tuple[str, str, str]:
        return self._namespace, self.name, name

    def _row(self, connection: sqlite3.Connection, name: str) -> tuple[str, str, float]:
        """Parent, labels and time of the last change of a snapshot that has a record."""
        row: tuple[str, str, float] | None = connection.execute(
            "SELECT parent, labels, updated_at FROM snapshots WHERE namespace = ? AND snapshotter = ? AND name = ?",
            self._key(name),
        ).fetchone()
        if row is None:
            raise NotFound(f'there is no snapshot "{name}"')
        return row

    def _found(self, name: str) -> str:
        """The name in the shared snapshotter of what has a record; the lease holds it from now on."""
        reference = f"{self.name}/{name}"
        with self._database.read() as connection:
            self._row(connection, name)
            if is_held(connection, self._namespace, self._lease_id, ResourceType.SNAPSHOT, reference):
                return self._backing_name(name)
        with self._database.write(is_durable=False) as connection:  # a collection may have come in between
            self._row(connection, name)
            hold(connection, self._namespace, self._lease_id, ResourceType.SNAPSHOT, reference)
        return self._backing_name(name)

    def _joined(self, info: SnapshotInfo, row: tuple[str, str, float]) -> SnapshotInfo:
        _, labels, updated_at = row
        return replace(
            info,
            name=info.name.partition("/")[2],
            parent=info.parent.partition("/")[2],
            updated_at=max(info.updated_at, updated_at),
            labels=decoded_labels(labels),
        )

    def _make(self, key: str, parent: str, labels: dict[str, str], make: Callable[..., list[Mount]]) -> list[Mount]:
        _check_name(key)
        # Not in the middle of a sweep, which may just be removing an older snapshot of this key.
        with self._lock.shared(), self._database.write(is_durable=False) as connection:
            if parent:
                self._row(connection, parent)
            with suppress(NotFound):
                self._row(connection, key)
                raise self._exists(key)
            self._put_row(connection, key, parent, labels)
        name, backing_parent = self._backing_name(key), self._backing_name(parent) if parent else ""
        try:
            with self._own_names():
                return self._made(key, lambda: make(name, backing_parent, labels=_passed_on(labels)))
        except BaseException as error:
            try:
                self._forget(key)
            except OrlopError as second:
                error.add_note(f"and its record is left for a collection: {second}")
            raise

    def _made(self, key: str, make: Callable[[], list[Mount]]) -> list[Mount]:
        try:
            return make()
        except AlreadyExists:  # an older one, whose record went: no sweep has got to it yet
            with suppress(NotFound):
                self._backing.remove(self._backing_name(key))
            return make()

    def _put_row(self, connection: sqlite3.Connection, name: str, parent: str, labels: dict[str, str]) -> None:
        ensure_namespace(connection, self._namespace)
        connection.execute(
            "INSERT OR REPLACE INTO snapshots (namespace, snapshotter, name, parent, labels, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (*self._key(name), parent, encoded_labels(labels), time.time()),
        )
        hold(connection, self._namespace, self._lease_id, ResourceType.SNAPSHOT, f"{self.name}/{name}")

    def _forget(self, name: str) -> None:
        # Under a lease something is being made, and this is one of its failures: see `Database.write`.
        with self._database.write(is_durable=False, is_freeing=not self._lease_id) as connection:
            self._delete_row(connection, name)

    def _delete_row(self, connection: sqlite3.Connection, name: str) -> None:
        """Remove the record, and what leases hold of it: the name may come again, as something else."""
        connection.execute(
            "DELETE FROM snapshots WHERE namespace = ? AND snapshotter = ? AND name = ?", self._key(name)
        )
        connection.execute(
            "DELETE FROM lease_resources WHERE namespace = ? AND kind = ? AND reference = ?",
            (self._namespace, ResourceType.SNAPSHOT.value, f"{self.name}/{name}"),
        )

    def _adopt(self, name: str) -> None:
        """Records for a committed snapshot that has none, and for what it stands on. Requires: the lock, shared."""
        with self._database.write(is_durable=False) as connection:
            while name:
                info = self._backing.info(self._backing_name(name))
                if info.kind is not Kind.COMMITTED:
                    return
                parent = info.parent.partition("/")[2]
                with suppress(NotFound):
                    self._row(connection, name)
                    hold(connection, self._namespace, self._lease_id, ResourceType.SNAPSHOT, f"{self.name}/{name}")
                    return
                self._put_row(connection, name, parent, dict(info.labels))
                name = parent

    @staticmethod
    def _exists(name: str) -> AlreadyExists:
        return AlreadyExists(f'snapshot "{name}" exists already')


def _check_name(name: str) -> None:
    if not 0 < len(name.encode("utf-8", "surrogateescape")) <= _NAME_BYTES:
        raise InvalidArgument(f'"{name[:64]}" is no name of a snapshot: 1 to {_NAME_BYTES} bytes are')


def _passed_on(labels: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key.startswith(_PASSED_ON)}
