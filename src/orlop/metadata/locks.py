"""Locks between processes, and between threads, that the kernel takes back when their holder dies (flock)."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from orlop.linux.errno_text import kernel_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def flocked(path: Path, operation: int) -> Iterator[None]:
    """Hold a file's flock; the file is made if it is not there.

    Each holder opens the file anew: a flock belongs to the open file, so it holds between threads too.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as err:
        raise kernel_error("open", f'"{path}", O_RDWR|O_CREAT', err.errno or 0, where="cannot lock") from err
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


class CollectionLock:
    """Keeps the sweep of a collection away from moments in which a thing is there and its record is not yet.

    Whoever makes such a thing (commits a blob, adopts one, commits a snapshot) holds `shared` from before the thing
    is there until its record is. The sweep holds `exclusive` while it asks whether there is a record and deletes what
    has none. flock lets readers overtake a writer that waits, for ever if there are always some; so everybody goes
    through a gate, and a sweep that waits keeps it closed.

    `shared` must not be taken inside `shared`: a sweep that waits in between would wait for ever.
    """

    def __init__(self, directory: Path) -> None:
        self._lock = directory / "collection.lock"
        self._gate = directory / "collection.gate"

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Held by those who put things in; any number at a time."""
        with ExitStack() as held:
            with flocked(self._gate, fcntl.LOCK_SH):
                held.enter_context(flocked(self._lock, fcntl.LOCK_SH))
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Held by one sweep, and nobody else."""
        with flocked(self._gate, fcntl.LOCK_EX), flocked(self._lock, fcntl.LOCK_EX):
            yield
