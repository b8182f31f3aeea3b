"""A store as commands and programs use it: everything below one root, seen from one namespace."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from orlop.content import quarantine
from orlop.errors import InvalidArgument, KernelError, NotFound, OrlopError, PermissionDenied
from orlop.linux.disk_reserve import DiskReserve
from orlop.linux.errno_text import kernel_error

from .collection import Collected, Collector
from .content import NamespacedContent, Sharing
from .database import Database
from .disk_usage import DiskUsage
from .identifier import checked_identifier
from .images import NamespacedImages
from .layout import RESERVE_BYTES, Layout
from .lease_owner import OWNER_LABEL, LeaseOwners
from .leases import NamespacedLeases
from .locks import CollectionLock
from .namespaces import Namespaces
from .snapshots import NamespacedSnapshotter
from .usage import StoreUsage, UsageReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

    from orlop.content.contract import ContentStore
    from orlop.image.contract import Lease
    from orlop.snapshot.contract import Snapshotter

DEFAULT_NAMESPACE = "default"
LEASE_LIFETIME_S = 24 * 60 * 60.0  # containerd's; ours ends with its process, and this is for what hangs
_ROOT_MODE = 0o700  # CVE-2024-25621: what images bring must not be there for every user, set-user-id programs above all
_STATE_MODE = 0o711  # others may pass through to a socket or a pipe that is meant for them


class Store:
    """An open store. A context manager that closes what it opened; its methods may be called from any thread."""

    def __init__(
        self,
        layout: Layout,
        state: Path,
        *,
        namespace: str,
        content: Callable[[Path], ContentStore],
        snapshotters: Mapping[str, Callable[[Path], Snapshotter]],
        sharing: Sharing,
    ) -> None:
        self.state = state
        self.namespace = namespace
        self._layout = layout
        self._factories = snapshotters
        self._sharing = sharing
        self._lock = CollectionLock(layout.root)
        self._owners = LeaseOwners(layout.leases)
        self._snapshotters: dict[str, Snapshotter] = {}
        with ExitStack() as opened:
            self._database = opened.enter_context(
                Database.open(layout.database, DiskReserve(layout.reserve, RESERVE_BYTES))
            )
            self._backing = content(layout.content)
            _close_later(opened, self._backing)
            self._opened = opened.pop_all()

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        state: Path,
        content: Callable[[Path], ContentStore],
        snapshotters: Mapping[str, Callable[[Path], Snapshotter]],
        namespace: str = DEFAULT_NAMESPACE,
        sharing: Sharing = Sharing.SHARED,
    ) -> Store:
        """The store below `root`, which is made if it is not there; `root` gets mode 0700, `state` 0711.

        `content` opens the shared store in a directory, `snapshotters` the shared snapshotters, by name, each when it
        is asked for first.

        Raises:
            FailedPrecondition: the database is damaged, or a newer version's.
            InvalidArgument: the namespace is no identifier.
            KernelError: a directory cannot be made or opened.
            PermissionDenied: root or state belong to somebody else.
        """
        checked_identifier(namespace, place="namespace")
        _private_directory(root, _ROOT_MODE)
        _private_directory(state, _STATE_MODE)
        return cls(
            Layout(root), state, namespace=namespace, content=content, snapshotters=snapshotters, sharing=sharing
        )

    @property
    def root(self) -> Path:
        """The directory that holds everything."""
        return self._layout.root

    @property
    def shared_content(self) -> ContentStore:
        """The store below those of namespaces, for checks and repairs of what is on the disk."""
        return self._backing

    @property
    def namespaces(self) -> Namespaces:
        """All namespaces."""
        return Namespaces(self._database)

    @property
    def images(self) -> NamespacedImages:
        """The images of this namespace."""
        return NamespacedImages(self._database, self.namespace)

    @property
    def leases(self) -> NamespacedLeases:
        """The leases of this namespace."""
        return NamespacedLeases(self._database, self.namespace)

    def content(self, *, lease_id: str = "") -> NamespacedContent:
        """The content of this namespace; with a lease, it holds what is put in and found."""
        return NamespacedContent(
            self._database, self._backing, self._lock, self.namespace, lease_id=lease_id, sharing=self._sharing
        )

    def snapshotter(self, name: str, *, lease_id: str = "") -> NamespacedSnapshotter:
        """The snapshots of this namespace in a snapshotter; with a lease, it holds what is made and found.

        Raises:
            InvalidArgument: there is no such snapshotter.
        """
        return NamespacedSnapshotter(
            self._database, self._shared_snapshotter(name), self._lock, self.namespace, lease_id=lease_id
        )

    def snapshotters(self, namespace: str = "") -> list[NamespacedSnapshotter]:
        """The snapshots of a namespace, or of this one, in each snapshotter of the store that can be opened."""
        opened, _ = self._snapshotters_on_disk()
        return [
            NamespacedSnapshotter(self._database, one, self._lock, namespace or self.namespace)
            for one in opened.values()
        ]

    @contextmanager
    def lease(
        self, *, lifetime_s: float | None = LEASE_LIFETIME_S, labels: Mapping[str, str] | None = None
    ) -> Iterator[Lease]:
        """A lease for the length of the block. It ends with this process too, in whatever way that ends."""
        name = secrets.token_hex(16)
        with self._owners.alive(name):
            lease = self.leases.create(name, lifetime_s=lifetime_s, labels=dict(labels or {}) | {OWNER_LABEL: name})
            try:
                yield lease
            except BaseException as err:
                try:
                    self._end(lease)
                except OrlopError as failure:
                    err.add_note(str(failure))
                raise
            self._end(lease)

    def collect(self) -> Collected:
        """Remove what nobody in any namespace needs; see `Collector.collect`.

        A snapshotter that cannot be opened is told in `failures`, and the rest is collected.
        """
        return self._collect(Collected(), keeps_resumable=True)

    def prune(self) -> Collected:
        """As `collect`, and what the user alone gives up goes too: resumable downloads, and what repairs set aside."""
        before = DiskUsage(self.root).of(self._layout.quarantine)
        collected = Collected()
        try:
            # First: it takes no room, and the collection may need some.
            collected.quarantined = quarantine.empty(self._layout.content)
        except KernelError as err:
            collected.failures.append(err)
        collected.freed_bytes = before - DiskUsage(self.root).of(self._layout.quarantine)
        return self._collect(collected, keeps_resumable=False)

    def _collect(self, collected: Collected, *, keeps_resumable: bool) -> Collected:
        snapshotters, failures = self._snapshotters_on_disk()
        self._collector(snapshotters).collect(collected, keeps_resumable=keeps_resumable)
        if failures:  # on a full disk, its trial had no room: there may be some now
            snapshotters, failures = self._snapshotters_on_disk()
            self._collector(snapshotters).collect(collected, keeps_resumable=keeps_resumable)
        collected.failures.extend(failures)
        return collected

    def usage(self) -> StoreUsage:
        """What the store takes on the disk now, open as it is; see `UsageReport.measure`."""
        return self.usage_report().measure()

    def usage_report(self) -> UsageReport:
        """What the store takes on the disk, to be measured when it is closed; see `UsageReport`."""
        snapshotters, _ = self._snapshotters_on_disk()  # directories are measured whether it can be opened or not
        return UsageReport(self._database, self._layout, self._backing, snapshotters, self._owners)

    def _collector(self, snapshotters: Mapping[str, Snapshotter]) -> Collector:
        return Collector(self._database, self._lock, self._backing, snapshotters, self._owners)

    def close(self) -> None:
        """Close what is open."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _end(self, lease: Lease) -> None:
        try:
            self.leases.delete(lease.id)
        except NotFound:  # it expired, and a collection was there
            return
        except KernelError as err:
            if err.errno != errno.ENOSPC:
                raise
            # What was done under it is done. It ends with its owner, and the next collection takes its record.

    def _shared_snapshotter(self, name: str) -> Snapshotter:
        if name not in self._snapshotters:
            factory = self._factories.get(name)
            if factory is None:
                known = ", ".join(sorted(self._factories)) or "none"
                raise InvalidArgument(f'snapshotter "{name}": is not known', hint=f"use one of: {known}")
            directory = self._layout.snapshotter(name)
            _private_directory(self._layout.snapshots, _ROOT_MODE)
            self._snapshotters[name] = factory(directory)
            _close_later(self._opened, self._snapshotters[name])
        return self._snapshotters[name]

    def _snapshotters_on_disk(self) -> tuple[dict[str, Snapshotter], list[OrlopError]]:
        """Those that have a directory, and why others of them cannot be opened."""
        opened: dict[str, Snapshotter] = {}
        failures: list[OrlopError] = []
        for name in self._factories:
            if self._layout.snapshotter(name).exists():
                try:
                    opened[name] = self._shared_snapshotter(name)
                except OrlopError as err:
                    failures.append(err)
        return opened, failures


def _close_later(opened: ExitStack, part: object) -> None:
    """A part that can be closed is closed with the store; the contracts leave it to the implementation."""
    close = getattr(part, "close", None)
    if close is not None:
        opened.callback(close)


def _private_directory(path: Path, mode: int) -> None:
    """Make a directory of ours with this mode; one that lets others do more loses that."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise InvalidArgument(f"{path}: is no directory")
        if status.st_uid != os.geteuid():
            raise PermissionDenied(
                f"{path}: belongs to user {status.st_uid}, not {os.geteuid()}", hint="choose another directory"
            )
        if stat.S_IMODE(status.st_mode) & 0o777 & ~mode:
            path.chmod(mode)
    except OSError as err:
        raise kernel_error("mkdir", f'"{path}", {mode:#o}', err.errno or 0, where="cannot open the store") from err
