"""What a snapshotter is. No implementation.

A snapshot is a state of a root file system. A *committed* one has a name, is never changed, and can be a parent. An
*active* one has a key and can be written; a *view* has a key and cannot. Names and keys share one name space.

    prepare(key, parent) -> active --- commit(name, key) ---> committed -> parent of others
    view(key, parent)    -> view                              remove() when nothing is above it

A layer becomes a snapshot like this: `prepare`, then `layer_target` says where and in which form the unpacker puts
the layer, then `commit` under the layer's chain id, with what the unpacker says is `implied`. Where
`takes_layers_apart` is true, layers need no parent until they are committed: several are prepared without one,
unpacked at the same time, and committed in order with `parent`. Of a few such layers only the parent tells where their
files belong: then `commit` raises `NeedsParent`, and the layer is unpacked again, in a snapshot that was prepared with
its parent, where `layer_target` with `on_parent` says.

A record is on disk before what it describes, and removed after it: after a crash at any moment, `cleanup` finds
directories without a record and records whose making did not end, and removes both. Methods raise `NotFound` for an
unknown name or key, `AlreadyExists` for one that is taken, `FailedPrecondition` for a wrong kind, and for `remove` of
what has children. Several processes may use one snapshotter. Nothing here is asynchronous.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from orlop.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class NeedsParent(FailedPrecondition):
    """A layer that was unpacked apart has something at a place that is a symbolic link below."""


class Kind(Enum):
    """What a snapshot can be used for."""

    ACTIVE = "Active"
    VIEW = "View"
    COMMITTED = "Committed"


class LayerForm(Enum):
    """What the unpacker makes of a layer, and with it where deletions go."""

    OVERLAY = "overlay"  # a directory of its own; whiteouts become character devices 0/0, opaque directories an xattr
    APPLIED = "applied"  # on top of a directory that holds the parent's files; whiteouts delete
    TAR_INDEX = "tar-index"  # `layer.tar`, the raw layer, and `layer.erofs`, an index that points into it


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTarget:
    """Where one layer goes: `directory` is there and belongs to the caller until `commit` or `remove`.

    Where there are `mounts`, the layer goes to the place where the caller makes them, and not to the directory itself.
    """

    form: LayerForm
    directory: Path
    user_xattr: bool = False  # overlay's opaque marks are user.overlay.* instead of trusted.overlay.*
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount(2): `options` as in fstab, flags and data alike. Source and target are paths of the host."""

    type: str
    source: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a snapshot itself takes on the disk, without its parents, as `du` counts: blocks, hard links once."""

    size_bytes: int
    inodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotInfo:
    """A snapshot. `parent` is "" at the bottom. Times are seconds since the epoch."""

    name: str
    kind: Kind
    parent: str
    created_at: float
    updated_at: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Snapshotter(Protocol):
    """Makes root file systems out of layers."""

    @property
    def name(self) -> str:
        """`overlayfs`, `native` or `erofs`."""

    @property
    def takes_layers_apart(self) -> bool:
        """Whether a layer can be unpacked before its parent is there, and `commit` takes `parent`."""

    def prepare(self, key: str, parent: str = "", *, labels: Mapping[str, str] | None = None) -> list[Mount]:
        """A new active snapshot on top of a committed one; how to mount it."""

    def view(self, key: str, parent: str, *, labels: Mapping[str, str] | None = None) -> list[Mount]:
        """A new read-only snapshot of a committed one; how to mount it."""

    def layer_target(self, key: str, *, on_parent: bool = False) -> LayerTarget:
        """Where the layer of an active snapshot goes; with `on_parent`, on top of what its parent shows."""

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

        `parent` puts a snapshot that was prepared without a parent on top of a committed one. `implied` are the
        directories of a layer that only lower layers describe, b"" for the root: they get mode, owner, extended
        attributes and time of the uppermost layer below that has them, unless something in between hides that.
        `passed` were such directories. In those that are `deleting`, deletions go where no layer below has the
        directory: there is nothing to delete, and overlayfs would show them as files that nobody can open.

        Raises:
            NeedsParent: one of `implied` or `passed` is a symbolic link below. Nothing has been committed; the snapshot
                may have been changed, and is of no use but to be removed.
            InvalidArgument: `parent` where `takes_layers_apart` is false, or where the snapshot has a parent already.
        """

    def mounts(self, key: str) -> list[Mount]:
        """How to mount an active snapshot or a view, also after a reboot. Made one after the other at one target."""

    def info(self, name: str) -> SnapshotInfo:
        """The record of a snapshot of any kind."""

    def usage(self, name: str) -> Usage:
        """What it takes on the disk; of an active one as it is now."""

    def update_labels(self, name: str, labels: Mapping[str, str | None]) -> SnapshotInfo:
        """Set labels; None removes one. What is not named stays."""

    def remove(self, name: str) -> None:
        """Remove a snapshot that has no children. It returns when nothing of it is left, mounts of ours included."""

    def walk(self) -> Iterator[SnapshotInfo]:
        """All snapshots, parents before children."""

    def cleanup(self) -> int:
        """Remove what a crash left behind; returns the bytes that became free."""
