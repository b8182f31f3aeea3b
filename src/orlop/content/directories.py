"""The directories of a content store, held open: nothing in a store is reached by a path again.

ROOT/lock                       held for the moment in which a blob or its labels change
ROOT/blobs/ALGORITHM/HEX        as in an OCI image layout, so that other tools can read it
ROOT/labels/ALGORITHM/HEX       JSON; only of blobs that have labels
ROOT/ingest/SHA256-OF-REF/      state and data; its flock is held by the one writer
ROOT/quarantine/                what `repair` took away, until `orlop prune` (quarantine.py)
"""

from __future__ import annotations

import fcntl
import os
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from orlop.linux.errno_text import kernel_error
from orlop.oci.digest import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def kernel_errors(doing: str, call: str) -> Iterator[None]:
    """Turn an OSError inside the block into a KernelError: what was being done, and the call that it is about."""
    try:
        yield
    except OSError as err:
        name = f'"{err.filename}"' if isinstance(err.filename, str) else ""
        raise kernel_error(call, name, err.errno or 0, where=doing) from err


def close_all(descriptors: list[int]) -> None:
    """Close them, and empty the list."""
    while descriptors:
        os.close(descriptors.pop())


def subdirectory(parent_fd: int, name: str) -> int:
    """The directory `name`, opened; it is made, and durable, if it was not there. The caller owns the descriptor.

    Raises:
        OSError: it cannot be made or opened; a symbolic link is not followed (ELOOP, ENOTDIR).
    """
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent_fd)
        os.fsync(parent_fd)
    return os.open(name, DIRECTORY_FLAGS, dir_fd=parent_fd)


def names(directory_fd: int) -> list[str]:
    """What stands in the directory, in no order. Threads may list one directory at the same time."""
    again = os.open(".", DIRECTORY_FLAGS, dir_fd=directory_fd)  # an offset of its own
    try:
        with os.scandir(again) as entries:
            return [entry.name for entry in entries]
    finally:
        os.close(again)


class StoreDirectories:
    """Descriptors of a store's directories, which live as long as this object, or until `close`."""

    def __init__(self, root: Path) -> None:
        self.root_path = root
        self._open: list[int] = []
        self._finalizer = weakref.finalize(self, close_all, self._open)
        with kernel_errors(f"cannot open the content store {root}", "open"):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root = self._keep(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            self.blobs = self._by_algorithm("blobs")
            self.labels = self._by_algorithm("labels")
            self.ingest = self._keep(subdirectory(self.root, "ingest"))

    def _keep(self, descriptor: int) -> int:
        self._open.append(descriptor)
        return descriptor

    def _by_algorithm(self, name: str) -> dict[str, int]:
        parent = self._keep(subdirectory(self.root, name))
        return {algorithm: self._keep(subdirectory(parent, algorithm)) for algorithm in ALGORITHMS}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody else, threads too, from publishing, deleting and labelling. Ends with the process."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open("lock", flags, 0o600, dir_fd=self.root)  # anew: a flock belongs to the open file
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def close(self) -> None:
        """Close the descriptors; the object is of no use then."""
        self._finalizer()
