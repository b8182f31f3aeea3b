"""What the snapshotters have in common: names, records, directories, locks, and the order that survives a crash.

    ROOT/snapshots.db    the records
    ROOT/locks           byte N is locked by who makes, commits, mounts or removes snapshot N
    ROOT/reserve         space for removals when the disk is full
    ROOT/snapshots/N/    snapshot N; what is in it is the implementation's choice
    ROOT/removed/N       what is being deleted of it

A record comes before its directory and goes after it. A directory that is half deleted has left its place before.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, KernelError
from orlop.linux import mount_call
from orlop.linux.disk_reserve import DiskReserve
from orlop.linux.errno_text import errno_advice, errno_name_and_text
from orlop.linux.fstab_mount import detach, mount_points_below
from orlop.snapshot.contract import Kind, LayerTarget, Mount, SnapshotInfo, Usage
from orlop.snapshot.directory_cursor import open_directory
from orlop.snapshot.implied_directories import Apart
from orlop.snapshot.records import MAKING, READY, Record, Records
from orlop.snapshot.snapshot_locks import SnapshotLocks
from orlop.snapshot.tree_removal import remove_tree
from orlop.snapshot.tree_usage import tree_usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

_SETTING_UP = 0  # the lock for making ROOT itself; snapshots are numbered from 1
_RESERVE_BYTES = 256 << 10  # SQLite's shared memory is 32 KiB, and a removal a few pages in its log and in the database
_NAME_BYTES = 1024


class DirectorySnapshotter(ABC):
    """A snapshotter whose snapshots are directories. A context manager; `close` gives the database back."""

    name: str
    takes_layers_apart: bool

    def __init__(self, root: Path) -> None:
        """Raises InvalidArgument for a root that mount options cannot carry."""
        self.root = Path(os.path.realpath(root))
        if any(character in str(self.root) for character in ',:\\"\n'):
            raise InvalidArgument(
                f"{self.root}: the path of a snapshotter has no comma, colon, backslash, quote or newline: "
                "mount options cannot carry them",
                hint="choose another --root",
            )
        for directory in (self.root, self._snapshots, self._removed):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._locks = SnapshotLocks(self.root / "locks")
        self._reserve = DiskReserve(self.root / "reserve", _RESERVE_BYTES)
        with self._locks.hold(_SETTING_UP):  # SQLite does not wait when two make the same database a WAL one
            self._records = self._reserve.use_if_full(lambda: Records(self.root / "snapshots.db"))
        self._reserve.refill()

    def close(self) -> None:
        """Let go of the database. Snapshots and mounts stay."""
        self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # What an implementation decides.

    @abstractmethod
    def layer_target(self, key: str, *, on_parent: bool = False) -> LayerTarget:
        """See the contract."""

    @abstractmethod
    def _fill(self, directory: Path, kind: Kind, parents: list[Path]) -> None:
        """Make what a new snapshot has in its directory. `parents` are directories of snapshots, the nearest first."""

    @abstractmethod
    def _mounts(self, directory: Path, kind: Kind, parents: list[Path]) -> list[Mount]:
        """How to mount a snapshot."""

    @abstractmethod
    def _settle(self, directory: Path, apart: Apart, parents: list[Path]) -> None:
        """Have an active snapshot's layer on top of the parents, without which it was unpacked. See `settle`."""

    def _finish(self, directory: Path) -> None:
        """Make what is in an active snapshot durable."""
        sync_file_system(directory)

    # The contract, but for layer_target.

    def prepare(self, key: str, parent: str = "", *, labels: Mapping[str, str] | None = None) -> list[Mount]:
        """A new active snapshot on top of a committed one; how to mount it."""
        return self._make(key, Kind.ACTIVE, parent, labels or {})

    def view(self, key: str, parent: str, *, labels: Mapping[str, str] | None = None) -> list[Mount]:
        """A new read-only snapshot of a committed one; how to mount it."""
        return self._make(key, Kind.VIEW, parent, labels or {})

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
        """Make an active snapshot a committed one. All of it is durable then."""
        _check_name(name)
        with self._locked(key) as record:
            _require_active(record)
            parents = self._new_parents(record, parent) or self._parents(record.id)
            holder = self._records.holder(name)
            if holder and holder.id != record.id:
                self._discard_if_crashed(holder, name)
            directory = self.directory(record.id)
            with _as_kernel_error(f'cannot commit snapshot "{key}"'):
                if deleting or (parents and (implied or passed)):
                    self._settle(directory, Apart(implied, passed, deleting), parents)
                self._finish(directory)
                usage = tree_usage(directory)
            self._records.commit(record.id, name, usage, parent=parent or "", labels=labels)

    def mounts(self, key: str) -> list[Mount]:
        """How to mount an active snapshot or a view, also after a reboot. Made one after the other at one target."""
        record = self._records.get(key)
        if record.kind is Kind.COMMITTED:
            raise FailedPrecondition(f'cannot mount snapshot "{key}": it is committed', hint="make a view of it")
        with _as_kernel_error(f'cannot mount snapshot "{key}"'):
            return self._mounts(self.directory(record.id), record.kind, self._parents(record.id))

    def info(self, name: str) -> SnapshotInfo:
        """The record of a snapshot of any kind."""
        return self._records.info(name)

    def usage(self, name: str) -> Usage:
        """What it takes on the disk; of an active one as it is now."""
        record = self._records.get(name)
        return record.usage if record.kind is Kind.COMMITTED else tree_usage(self.directory(record.id))

    def update_labels(self, name: str, labels: Mapping[str, str | None]) -> SnapshotInfo:
        """Set labels; None removes one. What is not named stays."""
        return self._records.update_labels(name, labels)

    def remove(self, name: str) -> None:
        """Remove a snapshot that has no children. It returns when nothing of it is left, mounts of ours included."""
        with self._locked(name) as record:
            for child_id in self._records.unfinished(parent_id=record.id):
                self._discard_if_left_over(child_id)
            self._discard(record.id)

    def walk(self) -> Iterator[SnapshotInfo]:
        """All snapshots, parents before children."""
        yield from self._records.walk()

    def cleanup(self) -> int:
        """Remove what a crash left behind; returns the bytes that became free."""
        freed = 0
        # Directories are listed before records are asked: a directory that is there now had its record before.
        numbers = {
            int(path.name)
            for place in (self._snapshots, self._removed)
            for path in place.iterdir()
            if path.name.isdecimal()
        }
        for snapshot_id in sorted(numbers.union(self._records.unfinished()), reverse=True):
            freed += self._discard_if_left_over(snapshot_id)
        return freed

    # Helpers of the implementations.

    def directory(self, snapshot_id: int) -> Path:
        """The directory of a snapshot."""
        return self._snapshots / str(snapshot_id)

    def _active(self, key: str) -> Record:
        """The record of an active snapshot."""
        record = self._records.get(key)
        _require_active(record)
        return record

    @property
    def _snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def _removed(self) -> Path:
        return self.root / "removed"

    def _parents(self, snapshot_id: int) -> list[Path]:
        return [self.directory(parent_id) for parent_id in self._records.parents(snapshot_id)]

    def _make(self, key: str, kind: Kind, parent: str, labels: Mapping[str, str]) -> list[Mount]:
        _check_name(key)
        holder = self._records.holder(key)
        if holder:
            self._discard_if_crashed(holder, key)
        with ExitStack() as stack:
            snapshot_id = self._records.insert(
                key, kind, parent, labels, lambda number: stack.enter_context(self._locks.hold(number))
            )
            directory = self.directory(snapshot_id)
            parents = self._parents(snapshot_id)
            try:
                with _as_kernel_error(f'cannot make snapshot "{key}"'):
                    directory.mkdir(mode=0o700)
                    self._fill(directory, kind, parents)
                    mounts = self._mounts(directory, kind, parents)
                self._records.ready(snapshot_id)
            except BaseException as error:
                try:
                    self._discard(snapshot_id)
                except (OSError, KernelError) as second:
                    error.add_note(f"and what was made of it is left for cleanup: {second}")
                raise
            return mounts

    def _discard_if_crashed(self, holder: Record, name: str) -> None:
        """Free a name that a crashed process left to a half made snapshot; AlreadyExists where it is taken for good."""
        if holder.state == MAKING:
            self._discard_if_left_over(holder.id)
        if self._records.holder(name):
            raise AlreadyExists(f'snapshot "{name}" exists already')

    def _discard_if_left_over(self, snapshot_id: int) -> int:
        """Remove what is not ready and nobody works on; returns the bytes that became free.

        It does not wait for the lock: who makes a snapshot waits for those of its parents.
        """
        with self._locks.hold_if_free(snapshot_id) as is_ours:
            record = self._records.by_id(snapshot_id)
            if not is_ours or (record and record.state == READY):
                return 0
            places = (self.directory(snapshot_id), self._removed / str(snapshot_id))
            freed = sum(tree_usage(place).size_bytes for place in places)
            self._discard(snapshot_id)
            return freed

    def _discard(self, snapshot_id: int) -> None:
        """Remove a snapshot in any state, and what a crash left of one. Requires: its lock."""
        self._reserve.use_if_full(lambda: self._records.start_removal(snapshot_id))
        directory, removed = self.directory(snapshot_id), self._removed / str(snapshot_id)
        with _as_kernel_error(f"cannot remove {directory}"):
            for mount_point in mount_points_below(str(directory)):
                detach(mount_point)
            remove_tree(removed)  # what a removal left that a crash ended
            try:
                directory.rename(removed)
            except FileNotFoundError:
                pass
            else:
                remove_tree(removed)
        self._records.forget(snapshot_id)
        self._reserve.refill()

    @contextmanager
    def _locked(self, name: str) -> Iterator[Record]:
        """The record of a ready snapshot, locked."""
        while True:
            snapshot_id = self._records.get(name).id
            with self._locks.hold(snapshot_id):
                record = self._records.by_id(snapshot_id)
                if record and record.name == name:
                    yield record
                    return
                # Meanwhile it was removed, or committed under another name: is there one of this name still?

    def _new_parents(self, record: Record, parent: str | None) -> list[Path]:
        """The directories below a snapshot that gets a parent at its commit; none where it gets none."""
        if not parent:
            return []
        if not self.takes_layers_apart:
            raise InvalidArgument(
                f'cannot commit snapshot "{record.name}" with a parent: {self.name} needs it at prepare'
            )
        if record.parent:
            raise InvalidArgument(f'cannot put snapshot "{record.name}" on "{parent}": it is on "{record.parent}"')
        nearest = self._records.committed(parent)
        return [self.directory(nearest.id), *self._parents(nearest.id)]


def sync_file_system(directory: Path) -> None:
    """Write the file system of `directory` to its disk.

    One call for a tree of any size: fsync(2) of each file and directory would be tens of thousands of commits of the
    journal (measured: docs/snapshotters.md). What others wrote on the same file system goes along.
    """
    directory_fd = open_directory(directory)
    try:
        mount_call.syncfs(directory_fd)
    finally:
        os.close(directory_fd)


def _require_active(record: Record) -> None:
    if record.kind is not Kind.ACTIVE:
        raise FailedPrecondition(
            f'snapshot "{record.name}" is {record.kind.value.lower()}, not active', hint="prepare one"
        )


def _check_name(name: str) -> None:
    if not name or len(name.encode()) > _NAME_BYTES:
        raise InvalidArgument(f'"{name[:64]}" is no name of a snapshot: 1 to {_NAME_BYTES} bytes are')


@contextmanager
def _as_kernel_error(where: str) -> Iterator[None]:
    """Tell a failed call of the os module as one of ours."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        name, text = errno_name_and_text(number)
        place = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        raise KernelError(f"{where}{place}: {name} ({text})", hint=errno_advice(number, ""), errno=number) from error
