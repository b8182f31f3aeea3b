"""A content store in a directory of the local file system. contract.py says what it does, directories.py where.

What a crash leaves: an ingest that can be resumed; never a part of a blob under a blob's name. The order of a commit
makes it so: the data are fsynced, then labels (a blob without its labels would not hold what it refers to), then the
file is renamed, then its directory is fsynced, then the ingest goes.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from orlop.errors import AlreadyExists, InvalidArgument, NotFound, Unavailable
from orlop.oci.digest import Digest

from .blob_file import LocalBlobReader, open_blob
from .contract import BlobInfo, IngestStatus
from .directories import StoreDirectories, kernel_errors, names
from .ingest import LocalIngest
from .ingest_directory import DATA, IngestDirectory, read_ingest
from .ingest_state import IngestState, directory_name
from .labels import LabelFiles, check_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path


class LocalContentStore:
    """Blobs below `root`, which is made if it is not there. Any number of processes and threads may use it."""

    def __init__(self, root: Path) -> None:
        """Open the store.

        Raises:
            KernelError: the directory cannot be made or opened.
        """
        self._directories = StoreDirectories(root)
        self._labels = LabelFiles(self._directories)

    @property
    def root(self) -> Path:
        """Where the store is."""
        return self._directories.root_path

    @property
    def directories(self) -> StoreDirectories:
        """The store's directories, for `check`."""
        return self._directories

    def blob_path(self, digest: Digest) -> Path:
        """Where the blob is or would be, for programs and mounts that want a path; the store's readers do not."""
        return self.root / "blobs" / digest.algorithm / digest.encoded

    def open(self, digest: Digest) -> LocalBlobReader:
        """A reader of the blob; the caller closes it."""
        with self._errors("open", digest):
            descriptor, status = self._opened(digest)
        return LocalBlobReader(descriptor, digest, status.st_size)

    def info(self, digest: Digest) -> BlobInfo:
        """What is known of the blob."""
        with self._errors("stat", digest):
            descriptor, status = self._opened(digest)
            os.close(descriptor)
            return self._info(digest, status)

    def walk(self) -> Iterator[BlobInfo]:
        """All blobs, in no order."""
        for algorithm, directory in self._directories.blobs.items():
            for name in names(directory):
                with suppress(InvalidArgument, NotFound):  # a stray file, which `check` tells; or deleted meanwhile
                    yield self.info(Digest.parse(f"{algorithm}:{name}"))

    def update_labels(self, digest: Digest, labels: Mapping[str, str | None]) -> BlobInfo:
        """Set labels; None removes one. What is not named stays."""
        check_labels(labels)
        with self._errors("rename", digest), self._directories.locked():
            descriptor, status = self._opened(digest)
            os.close(descriptor)
            old = self._labels.read(digest)
            new = {key: value for key, value in {**old, **labels}.items() if value is not None}
            if new != old:
                self._labels.replace(digest, new)
            return self._info(digest, status)

    def delete(self, digest: Digest) -> None:
        """Remove the blob; readers that are open go on."""
        with self._errors("unlink", digest), self._directories.locked():
            try:  # the blob first: without its labels it would not hold what it refers to
                os.unlink(digest.encoded, dir_fd=self._directories.blobs[digest.algorithm])
            except FileNotFoundError:
                raise _blob_not_found(digest) from None
            self._labels.remove(digest)

    def begin(self, ref: str, *, total: int = 0, expected: Digest | None = None) -> LocalIngest:
        """A writer of the ingest `ref`, which is made, or resumed where it stands.

        What an earlier `begin` did not say, a later one may add; where it leaves something out, what was said holds.

        Raises:
            AlreadyExists: `expected` is in the store already; an ingest of this ref that nobody writes is removed.
            Unavailable: somebody else is writing it.
            InvalidArgument: the ref is empty or longer than 512 bytes, or `total` or `expected` are not those that it
                was begun with.
        """
        name = directory_name(ref)
        if total < 0:
            raise InvalidArgument(f"total: {total} is no size in bytes")
        if expected is not None and self._has(expected):
            with suppress(NotFound, Unavailable):
                self.abort(ref)
            raise AlreadyExists(f"cannot ingest {expected}: it is in the store")
        with kernel_errors(f'cannot begin ingest "{ref}"', "open"):
            directory = IngestDirectory.make_and_lock(self._directories.ingest, name)
            if directory is None:
                raise _is_written(ref)
            try:
                state = directory.state()
                if state is None:  # new, or what was known of it is lost
                    state = IngestState(
                        ref=ref, total=total, expected=expected, started_at=time.time(), durable=0, boot_id=""
                    )
                return LocalIngest(directory, state.resumed(total=total, expected=expected), self._publish)
            except BaseException:
                directory.close()
                raise

    def ingests(self) -> Iterator[IngestStatus]:
        """All ingests that are not committed."""
        for name in names(self._directories.ingest):
            with kernel_errors("cannot list ingests", "open"):
                found = read_ingest(self._directories.ingest, name)
            if found is None:
                continue
            state, status = found
            yield IngestStatus(
                ref=state.ref,
                offset=state.trusted(status.st_size) if status else 0,
                total=state.total,
                expected=state.expected,
                started_at=state.started_at,
                updated_at=status.st_mtime if status else state.started_at,
            )

    def abort(self, ref: str) -> None:
        """Throw an ingest away.

        Raises:
            NotFound: there is none.
            Unavailable: somebody is writing it.
        """
        name = directory_name(ref)
        with kernel_errors(f'cannot abort ingest "{ref}"', "unlink"):
            try:
                directory = IngestDirectory.lock(self._directories.ingest, name)
            except FileNotFoundError:
                raise NotFound(f'ingest "{ref}" is not there') from None
            if directory is None:
                raise _is_written(ref)
            try:
                directory.remove()
            finally:
                directory.close()

    def close(self) -> None:
        """Close the store's directories. Open readers and ingests of data go on to be usable, commits do not."""
        self._directories.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _errors(self, call: str, digest: Digest) -> AbstractContextManager[None]:
        return kernel_errors(f"content store: {digest}", call)

    def _opened(self, digest: Digest) -> tuple[int, os.stat_result]:
        found = open_blob(self._directories.blobs[digest.algorithm], digest)
        if found is None:
            raise _blob_not_found(digest)
        return found

    def _has(self, digest: Digest) -> bool:
        try:
            self.info(digest)
        except NotFound:
            return False
        return True

    def _info(self, digest: Digest, status: os.stat_result) -> BlobInfo:
        return BlobInfo(
            digest=digest,
            size=status.st_size,
            created_at=status.st_mtime,
            updated_at=max(status.st_mtime, self._labels.written_at(digest) or 0),
            labels=self._labels.read(digest),
        )

    def _publish(self, directory: IngestDirectory, digest: Digest, size: int, labels: Mapping[str, str]) -> None:
        """Make the ingest's data the blob, unless it is there. Returns when the name is durable, whoever made it."""
        blobs = self._directories.blobs[digest.algorithm]
        with self._directories.locked():
            if not self._is_whole(digest, size):
                old = self._labels.read(digest) if _exists(blobs, digest.encoded) else {}  # a torn one keeps its own
                if old or labels:
                    self._labels.replace(digest, {**old, **labels})
                else:
                    self._labels.remove(digest)  # of an earlier blob, whose deletion was cut off
                os.rename(DATA, digest.encoded, src_dir_fd=directory.descriptor, dst_dir_fd=blobs)
        os.fsync(blobs)

    def _is_whole(self, digest: Digest, size: int) -> bool:
        try:
            return self.info(digest).size == size
        except NotFound:
            return False


def _exists(directory_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _blob_not_found(digest: Digest) -> NotFound:
    return NotFound(f"content {digest} is not in the store", hint="pull or load its image again")


def _is_written(ref: str) -> Unavailable:
    return Unavailable(f'ingest "{ref}" is being written by somebody else; wait for its end')
