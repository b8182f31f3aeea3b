"""A small content store on the disk that several processes may use: what the tests put below a namespaced one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING

from orlop.content.contract import BlobInfo, IngestStatus
from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Self


class FakeReader:
    """A file, open."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._descriptor).st_size

    def fileno(self) -> int:
        return self._descriptor

    def read_at(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class FakeIngest:
    """A directory with `data` and `state`; the flock of data is its writer's."""

    def __init__(self, store: FakeContent, ref: str, directory: Path, expected: Digest | None) -> None:
        self.ref = ref
        self._store = store
        self._directory = directory
        self._expected = expected
        self._descriptor = os.open(directory / "data", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise Unavailable(f"ingest {ref} is being written") from None

    @property
    def offset(self) -> int:
        return os.fstat(self._descriptor).st_size

    def write(self, data: bytes | memoryview) -> None:
        os.pwrite(self._descriptor, data, self.offset)

    def truncate(self, size: int = 0) -> None:
        os.ftruncate(self._descriptor, size)

    def commit(
        self, *, size: int | None = None, expected: Digest | None = None, labels: Mapping[str, str] | None = None
    ) -> Digest:
        assert labels is None, "labels are the namespace's"
        wanted = expected or self._expected
        data = os.pread(self._descriptor, self.offset, 0)
        digest = Digest.of(data, algorithm=wanted.algorithm if wanted else "sha256")
        if (size is not None and size != len(data)) or (wanted and digest != wanted):
            self.close()
            shutil.rmtree(self._directory)
            raise FailedPrecondition(f"ingest {self.ref}: is {digest} with {len(data)} bytes")
        (self._directory / "data").replace(self._store.path(digest))
        shutil.rmtree(self._directory)
        self.close()
        return digest

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class FakeContent:
    """Blobs and ingests in a directory each."""

    def __init__(self, root: Path) -> None:
        self._blobs, self._ingests = root / "blobs", root / "ingest"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._ingests.mkdir(exist_ok=True)

    def path(self, digest: Digest) -> Path:
        return self._blobs / str(digest)

    def open(self, digest: Digest) -> FakeReader:
        try:
            return FakeReader(self.path(digest))
        except FileNotFoundError:
            raise NotFound(f"content {digest}: no such blob") from None

    def info(self, digest: Digest) -> BlobInfo:
        try:
            status = self.path(digest).stat()
        except FileNotFoundError:
            raise NotFound(f"content {digest}: no such blob") from None
        return BlobInfo(digest=digest, size=status.st_size, created_at=status.st_mtime, updated_at=status.st_mtime)

    def walk(self) -> Iterator[BlobInfo]:
        for path in list(self._blobs.iterdir()):
            try:
                yield self.info(Digest.parse(path.name))
            except NotFound:
                continue

    def update_labels(self, digest: Digest, labels: Mapping[str, str | None]) -> BlobInfo:
        raise AssertionError(f"labels of {digest} are the namespace's, not {labels}")

    def delete(self, digest: Digest) -> None:
        try:
            self.path(digest).unlink()
        except FileNotFoundError:
            raise NotFound(f"content {digest}: no such blob") from None

    def begin(self, ref: str, *, total: int = 0, expected: Digest | None = None) -> FakeIngest:
        if expected is not None and self.path(expected).exists():
            raise AlreadyExists(f"content {expected}")
        directory = self._directory(ref)
        directory.mkdir(exist_ok=True)
        state = {"ref": ref, "total": total, "expected": str(expected or "")}
        try:
            if json.loads((directory / "state").read_text()) != state:
                raise InvalidArgument(f"ingest {ref}: was begun otherwise")
        except FileNotFoundError:
            (directory / f"state.{os.getpid()}").write_text(json.dumps(state))
            (directory / f"state.{os.getpid()}").replace(directory / "state")
        return FakeIngest(self, ref, directory, expected)

    def ingests(self) -> Iterator[IngestStatus]:
        for directory in list(self._ingests.iterdir()):
            try:
                state = json.loads((directory / "state").read_text())
                status = (directory / "data").stat()
            except FileNotFoundError:
                continue
            yield IngestStatus(
                ref=state["ref"],
                offset=status.st_size,
                total=state["total"],
                expected=Digest.parse(state["expected"]) if state["expected"] else None,
                started_at=status.st_ctime,
                updated_at=status.st_mtime,
            )

    def abort(self, ref: str) -> None:
        directory = self._directory(ref)
        if not directory.exists():
            raise NotFound(f"ingest {ref}: no such ingest")
        FakeIngest(self, ref, directory, None).close()
        shutil.rmtree(directory)

    def _directory(self, ref: str) -> Path:
        return self._ingests / sha256(ref.encode()).hexdigest()
