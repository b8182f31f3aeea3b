"""Small files of a store, read and written whole: a reader sees the old content or the new one, never a part."""

from __future__ import annotations

import os
from contextlib import suppress

_MAX_BYTES = 16 << 20  # labels and states are a few hundred bytes: what is larger is not ours
NEW = ".new"  # what a writer that was killed leaves has this at its end


def read(directory_fd: int, name: str) -> bytes | None:
    """The content, or None where there is no such file.

    Raises:
        OSError: it cannot be read, or a link stands there (ELOOP).
    """
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory_fd)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_MAX_BYTES)


def replace(directory_fd: int, name: str, content: bytes, *, is_durable: bool) -> None:
    """Write the content under a temporary name and rename that. Durable: when this returns it survives power loss.

    Requires:
        A lock that keeps other writers of this name away.

    Raises:
        OSError: it cannot be written; the old content stays.
    """
    temporary = name + NEW
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=directory_fd)
    try:
        write_all(descriptor, content)
        if is_durable:
            os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
    except OSError:
        remove(directory_fd, temporary)
        raise
    finally:
        os.close(descriptor)
    if is_durable:
        os.fsync(directory_fd)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it; write(2) may take less at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def remove(directory_fd: int, name: str) -> None:
    """Remove a file that need not be there."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory_fd)
