"""What a content store is: blobs by digest, and ingests that become blobs. No implementation.

The life of a blob: `begin(ref)` opens an ingest, or goes on with one that was interrupted: `offset` says where.
`write` appends. `commit` verifies size and digest, makes the blob durable (file and directory are fsynced, then it is
renamed), and ends the ingest. Until then no reader sees anything of it; from then on every reader sees all of it.
`close` without `commit` keeps what was written, for the next `begin` of the same ref; `abort` throws it away.

Several processes may use one store. One ingest has one writer at a time. Committing what is there already is a
success that changes nothing. Nothing here is asynchronous, and every method may be called from any thread, but one
ingest only from one thread at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from orlop.oci.digest import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInfo:
    """A committed blob. Times are seconds since the epoch."""

    digest: Digest
    size: int
    created_at: float
    updated_at: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStatus:
    """An ingest that has not been committed. `total` is 0 and `expected` None where the writer did not say."""

    ref: str
    offset: int
    total: int
    expected: Digest | None
    started_at: float
    updated_at: float


class BlobReader(Protocol):
    """An open blob; it stays readable when the blob is deleted. It is a context manager that closes itself."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    def fileno(self) -> int:
        """The file descriptor, which the reader owns; its offset is not defined."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer at the end only."""

    def close(self) -> None:
        """Give the file descriptor back."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Ingest(Protocol):
    """A blob on its way in. It is a context manager: leaving it closes it, which keeps what was written."""

    @property
    def ref(self) -> str:
        """The name under which it can be resumed."""

    @property
    def offset(self) -> int:
        """How many bytes are written."""

    def write(self, data: bytes | memoryview) -> None:
        """Append.

        Raises:
            KernelError: the file system refuses (ENOSPC, EDQUOT, EIO); what was written before stays.
        """

    def truncate(self, size: int = 0) -> None:
        """Forget what lies behind `size` bytes, to write it anew."""

    def commit(
        self, *, size: int | None = None, expected: Digest | None = None, labels: Mapping[str, str] | None = None
    ) -> Digest:
        """Verify, make durable and publish; the ingest has ended then. Returns the blob's digest.

        Raises:
            FailedPrecondition: the content is not of this size or digest; the ingest is aborted, as nothing of it
                can be used.
        """

    def close(self) -> None:
        """Let go of the ingest; nothing is lost."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class ContentStore(Protocol):
    """Blobs and ingests. Every method raises `NotFound` for a digest or ref that is not there."""

    def open(self, digest: Digest) -> BlobReader:
        """A reader of the blob; the caller closes it."""

    def info(self, digest: Digest) -> BlobInfo:
        """What is known of the blob."""

    def walk(self) -> Iterator[BlobInfo]:
        """All blobs, in no order. Those that come or go meanwhile may be missed."""

    def update_labels(self, digest: Digest, labels: Mapping[str, str | None]) -> BlobInfo:
        """Set labels; None removes one. What is not named stays."""

    def delete(self, digest: Digest) -> None:
        """Remove the blob; readers that are open go on."""

    def begin(self, ref: str, *, total: int = 0, expected: Digest | None = None) -> Ingest:
        """A writer of the ingest `ref`, which is made, or resumed where it stands.

        Raises:
            AlreadyExists: `expected` is in the store already.
            Unavailable: somebody else is writing it.
            InvalidArgument: the ref is empty or longer than 512 bytes, or `total` or `expected` are not those that it
                was begun with.
        """

    def ingests(self) -> Iterator[IngestStatus]:
        """All ingests that are not committed."""

    def abort(self, ref: str) -> None:
        """Throw an ingest away.

        Raises:
            Unavailable: somebody is writing it.
        """
