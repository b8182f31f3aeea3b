"""One ingest on its way in: data appended, hashed as it comes, made durable and published."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from orlop.errors import FailedPrecondition, KernelError
from orlop.oci.digest import Digest

from .blob_file import mark_size
from .directories import kernel_errors
from .ingest_state import boot_id
from .labels import check_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from hashlib import _Hash

    from .ingest_directory import IngestDirectory
    from .ingest_state import IngestState

    # Makes the data file the blob of this digest and size, in a place that readers see.
    Publish = Callable[["IngestDirectory", Digest, int, Mapping[str, str]], None]

# Bytes after which what was written is made durable: power loss costs no more than this. Writing 450 MiB took as long
# with as without (the disk works meanwhile instead of at the end).
CHECKPOINT = 64 << 20
_CHUNK = 1 << 20  # read at a time to hash what is there already


class LocalIngest:
    """The one writer of an ingest: it owns the ingest's directory, whose lock it holds until it ends."""

    def __init__(self, directory: IngestDirectory, state: IngestState, publish: Publish) -> None:
        """Go on where the data's trusted part ends; the rest is cut off.

        Raises:
            OSError: a file cannot be opened, read, written or cut. The directory is closed then, and a new one removed.
        """
        self._directory = directory
        self._state = state
        self._publish = publish
        self._data = -1
        self._offset = 0
        self._algorithm = state.expected.algorithm if state.expected else "sha256"
        self._hash = self._new_hash(self._algorithm)
        try:
            self._data = directory.open_data()
            os.fchmod(self._data, 0o600)
            trusted = state.trusted(os.fstat(self._data).st_size)
            self._write_state(durable=min(state.durable, trusted), this_boot=boot_id())
            os.ftruncate(self._data, trusted)
            self._rehash(trusted)
        except BaseException:
            with suppress(OSError):
                if directory.state() is None:  # the disk was full, say: nobody else would find it
                    directory.remove()
            self._release()
            raise

    @property
    def ref(self) -> str:
        """The name under which it can be resumed."""
        return self._state.ref

    @property
    def offset(self) -> int:
        """How many bytes are written."""
        return self._offset

    def write(self, data: bytes | memoryview) -> None:
        """Append.

        Raises:
            KernelError: the file system refuses (ENOSPC, EDQUOT, EIO); what was written before stays.
        """
        rest = memoryview(data).cast("B")
        with self._errors("write"):
            while rest:
                written = os.pwrite(self._descriptor(), rest, self._offset)
                self._hash.update(rest[:written])
                self._offset += written
                rest = rest[written:]
            if self._offset - self._state.durable >= CHECKPOINT:
                self._checkpoint()

    def truncate(self, size: int = 0) -> None:
        """Forget what lies behind `size` bytes, to write it anew.

        Raises:
            KernelError: the file system refuses.
        """
        if not 0 <= size <= self._offset:
            raise FailedPrecondition(f"{self._place}: cannot truncate to {size}: {self._offset} bytes are written")
        with self._errors("ftruncate"):
            if size < self._state.durable:  # first: behind it, other bytes may follow that are not durable
                self._write_state(durable=size, is_durable=True)
            os.ftruncate(self._descriptor(), size)
            self._rehash(size)

    def commit(
        self, *, size: int | None = None, expected: Digest | None = None, labels: Mapping[str, str] | None = None
    ) -> Digest:
        """Verify, make durable and publish; the ingest has ended then. Returns the blob's digest.

        Raises:
            FailedPrecondition: the content is not of this size or digest; the ingest is aborted.
            InvalidArgument: a label is empty or too long; the ingest stays.
            KernelError: the file system refuses; the ingest stays, without what may not have reached the disk.
        """
        self._descriptor()
        check_labels(labels or {})
        try:
            digest = self._verify(size, expected)
        except FailedPrecondition:
            self._end()
            raise
        with self._errors("fsync"):
            self._seal()
        with self._errors("rename"):
            self._publish(self._directory, digest, self._offset, labels or {})
        self._end()
        return digest

    def close(self) -> None:
        """Let go of the ingest; nothing is lost."""
        if self._data < 0:
            return
        with suppress(KernelError), self._errors("fsync"):  # then less of it is durable, which the state says
            if self._offset > self._state.durable:
                self._checkpoint()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            self._release()

    @property
    def _place(self) -> str:
        return f'ingest "{self.ref}"'

    def _errors(self, call: str) -> AbstractContextManager[None]:
        return kernel_errors(f"cannot store content: {self._place}", call)

    def _descriptor(self) -> int:
        if self._data < 0:
            raise FailedPrecondition(f"{self._place}: has ended or was closed; begin it again")
        return self._data

    @staticmethod
    def _new_hash(algorithm: str) -> _Hash:
        return Digest.of(b"", algorithm=algorithm).hasher()

    def _rehash(self, size: int) -> None:
        """Hash the file's first `size` bytes anew, and stand behind them."""
        self._hash = self._hash_of(self._algorithm, size)
        self._offset = size

    def _hash_of(self, algorithm: str, size: int) -> _Hash:
        found = self._new_hash(algorithm)
        buffer = memoryview(bytearray(min(_CHUNK, size)))
        done = 0
        while done < size:
            count = os.preadv(self._data, [buffer[: size - done]], done)
            if count == 0:
                raise FailedPrecondition(f"{self._place}: somebody else shortened its file; begin it again")
            found.update(buffer[:count])
            done += count
        return found

    def _write_state(self, *, is_durable: bool = False, durable: int, this_boot: str | None = None) -> None:
        state = replace(self._state, durable=durable, boot_id=this_boot or self._state.boot_id)
        self._directory.write_state(state, is_durable=is_durable)
        self._state = state

    def _checkpoint(self) -> None:
        offset = self._offset
        os.fdatasync(self._descriptor())
        self._write_state(durable=offset, is_durable=True)

    def _verify(self, size: int | None, expected: Digest | None) -> Digest:
        """The digest, if all that was promised is true."""
        state = self._state
        for wanted in {size, state.total or None} - {None}:
            if wanted != self._offset:
                raise FailedPrecondition(
                    f"{self._place}: the content has {self._offset} bytes, not {wanted}", hint="fetch it again"
                )
        found = Digest(self._algorithm, self._hash.hexdigest())
        promised = [one for one in (expected, state.expected) if one is not None]
        for digest in promised:
            if digest.algorithm != found.algorithm:
                found = Digest(digest.algorithm, self._hash_of(digest.algorithm, self._offset).hexdigest())
            if digest != found:
                raise FailedPrecondition(
                    f"{self._place}: the content's digest is {found}, not {digest}", hint="fetch it again"
                )
        return promised[0] if promised else found

    def _seal(self) -> None:
        """All of the file on the disk, and what is known of it beside it in the same inode."""
        now = time.time_ns()
        mark_size(self._data, self._offset)
        os.utime(self._data, ns=(now, now))
        os.fchmod(self._data, 0o444)
        try:
            os.fsync(self._data)
        except OSError:
            # The kernel forgets which pages it could not write, so that the next fsync would lie about them.
            with suppress(KernelError):
                self.truncate(self._state.durable)
            raise

    def _end(self) -> None:
        """Remove what is left of the ingest."""
        with self._errors("unlink"):
            self._directory.remove()
        self._release()

    def _release(self) -> None:
        descriptor, self._data = self._data, -1
        if descriptor >= 0:
            os.close(descriptor)
        self._directory.close()
