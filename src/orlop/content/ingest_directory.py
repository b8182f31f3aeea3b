"""The directory of one ingest: `state`, a record, and `data`, what was written so far. Its flock is the writer's."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from . import small_file
from .directories import DIRECTORY_FLAGS
from .ingest_state import IngestState

DATA = "data"
STATE = "state"


class IngestDirectory:
    """A directory of an ingest, locked for the one writer. It owns the descriptor, and with it the lock."""

    def __init__(self, parent_fd: int, name: str, descriptor: int) -> None:
        self._parent_fd = parent_fd
        self._name = name
        self._descriptor = descriptor

    @classmethod
    def lock(cls, parent_fd: int, name: str) -> IngestDirectory | None:
        """The directory, locked, or None: somebody else has it. The lock ends with the process.

        What is locked is what stands at the name: an earlier writer may have removed the directory between our opening
        it and our getting the lock.

        Raises:
            FileNotFoundError: there is no such directory.
        """
        while True:
            descriptor = os.open(name, DIRECTORY_FLAGS, dir_fd=parent_fd)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                there = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
                if os.path.samestat(there, os.fstat(descriptor)):
                    return cls(parent_fd, name, descriptor)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)

    @classmethod
    def make_and_lock(cls, parent_fd: int, name: str) -> IngestDirectory | None:
        """As `lock`, but the directory is made if it is not there."""
        while True:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=parent_fd)
            with suppress(FileNotFoundError):  # whoever had it has just removed it
                return cls.lock(parent_fd, name)

    @property
    def descriptor(self) -> int:
        """The directory."""
        return self._descriptor

    def state(self) -> IngestState | None:
        """The record, or None: there is none that can be read."""
        return _state_in(self._descriptor)

    def write_state(self, state: IngestState, *, is_durable: bool = False) -> None:
        """Replace the record."""
        small_file.replace(self._descriptor, STATE, state.encode(), is_durable=is_durable)

    def open_data(self) -> int:
        """The data file, made if it was not there; the caller owns the descriptor."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            return os.open(DATA, flags, 0o600, dir_fd=self._descriptor)
        except PermissionError:  # a commit that was cut off had made it read-only, which only root does not notice
            os.chmod(DATA, 0o600, dir_fd=self._descriptor)
            return os.open(DATA, flags, 0o600, dir_fd=self._descriptor)

    def remove(self) -> None:
        """Remove the ingest: the record first, so that what a crash leaves is no ingest any more."""
        for name in (STATE, STATE + small_file.NEW, DATA):
            small_file.remove(self._descriptor, name)
        os.rmdir(self._name, dir_fd=self._parent_fd)

    def close(self) -> None:
        """Let go of the lock."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def read_ingest(parent_fd: int, name: str) -> tuple[IngestState, os.stat_result | None] | None:
    """The record of an ingest and the status of its data, or None: it is gone, or cannot be resumed. No lock needed."""
    try:
        descriptor = os.open(name, DIRECTORY_FLAGS, dir_fd=parent_fd)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        state = _state_in(descriptor)
        if state is None:
            return None
        try:
            return state, os.stat(DATA, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return state, None
    finally:
        os.close(descriptor)


def _state_in(descriptor: int) -> IngestState | None:
    content = small_file.read(descriptor, STATE)
    return None if content is None else IngestState.decode(content)
