"""What images and leases are to whoever works with them. No implementation: metadata/ has it.

An image is a name for a descriptor. What it points at stays as long as the name does: collection starts from images
and leases and follows the labels `containerd.io/gc.ref.content.*` (blob to blob) and
`containerd.io/gc.ref.snapshot.SNAPSHOTTER` (blob to snapshot), and from a snapshot to its parent. A lease holds what
it names until it is deleted or expires: whoever puts something into the store takes one first, so that a collection
at the wrong moment takes nothing away from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from orlop.content.contract import ContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest
    from orlop.snapshot.contract import Snapshotter

GC_ROOT = "containerd.io/gc.root"  # a blob or snapshot with this label is held whoever refers to it
GC_EXPIRE = "containerd.io/gc.expire"  # on a lease: RFC 3339 time
GC_REF_CONTENT = "containerd.io/gc.ref.content"  # .m.N manifests, .config, .l.N layers
GC_REF_SNAPSHOT = "containerd.io/gc.ref.snapshot"  # .SNAPSHOTTER -> snapshot name
UNCOMPRESSED = "containerd.io/uncompressed"  # on a layer's blob: its diff id
DISTRIBUTION_SOURCE = "containerd.io/distribution.source"  # .HOST -> repositories that have the blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A name for a descriptor. Times are seconds since the epoch."""

    name: str
    target: Descriptor
    created_at: float
    updated_at: float
    labels: Mapping[str, str] = field(default_factory=dict)


class ResourceType(Enum):
    """What a lease can hold. A snapshot's reference is `SNAPSHOTTER/KEY`."""

    CONTENT = "content"
    INGEST = "ingests"
    SNAPSHOT = "snapshots"
    IMAGE = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A hold on things. `expires_at` is None where it does not end by itself."""

    id: str
    created_at: float
    expires_at: float | None
    labels: Mapping[str, str] = field(default_factory=dict)


class ImageStore(Protocol):
    """The images of one namespace. Methods raise `NotFound` for an unknown name."""

    def get(self, name: str) -> Image:
        """The image of this name."""

    def list(self) -> Iterator[Image]:
        """All images, by name."""

    def put(self, name: str, target: Descriptor, *, labels: Mapping[str, str] | None = None) -> Image:
        """Make the name point at `target`, whether there is such a name or not. Labels None: as they are."""

    def delete(self, name: str) -> None:
        """Remove the name; what it pointed at goes with the next collection."""


class LeaseManager(Protocol):
    """The leases of one namespace. Methods raise `NotFound` for an unknown id."""

    def create(
        self, lease_id: str = "", *, lifetime_s: float | None = None, labels: Mapping[str, str] | None = None
    ) -> Lease:
        """A new lease; without an id it gets a random one.

        Raises:
            AlreadyExists: there is one of this id.
        """

    def delete(self, lease_id: str) -> None:
        """End it. What only it held goes with the next collection."""

    def list(self) -> Iterator[Lease]:
        """All leases that have not expired."""

    def add(self, lease_id: str, kind: ResourceType, reference: str) -> None:
        """Hold something, which need not be there yet."""

    def remove(self, lease_id: str, kind: ResourceType, reference: str) -> None:
        """Hold it no longer."""

    def resources(self, lease_id: str) -> Iterator[tuple[ResourceType, str]]:
        """What it holds."""


class Stores(Protocol):
    """What whoever works with images works on: the stores of one namespace."""

    @property
    def images(self) -> ImageStore:
        """The images."""

    @property
    def leases(self) -> LeaseManager:
        """The leases."""

    def lease(
        self, *, lifetime_s: float | None = ..., labels: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Lease]:
        """A lease for the length of a block. It ends with this process too, in whatever way that ends."""

    def content(self, *, lease_id: str = "") -> ContentStore:
        """The blobs; what is ingested through it, the lease holds."""

    def snapshotter(self, name: str, *, lease_id: str = "") -> Snapshotter:
        """The snapshots of one snapshotter; what is made through it, the lease holds.

        Raises:
            InvalidArgument: there is none of this name.
        """


class Step(Enum):
    """What has become of a blob that is being pulled or pushed."""

    CACHED = "cached"  # was there already
    RESUMED = "resumed"  # `amount` bytes are there from an earlier try
    MOVED = "moved"  # `amount` more bytes have been fetched or sent
    TRANSFERRED = "transferred"  # all of it is there, and verified
    UNPACKING = "unpacking"
    UNPACKED = "unpacked"


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one blob."""

    digest: Digest
    step: Step
    amount: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Who is told how a pull or push goes: which blobs it is about, then of each step. Never from a thread.

    The blobs come in one list, or one for each image where all of an index are pulled; a list may name again what was
    named.
    """

    planned: Callable[[list[Descriptor]], None] = lambda _blobs: None
    happened: Callable[[Event], None] = lambda _event: None
