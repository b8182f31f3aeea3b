"""A committed blob as a file: opened without following, and not served where it is shorter than it was."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from orlop.linux.errno_text import kernel_error

if TYPE_CHECKING:
    from orlop.oci.digest import Digest

# The size, written before the blob is published: a file that power loss or a bad disk cut short tells by itself.
_SIZE_MARK = "user.orlop.size"
# What a file system or a caller without this kind of attribute answers.
_NO_MARK = (errno.ENODATA, errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.E2BIG)


def mark_size(descriptor: int, size: int) -> None:
    """Note the size in the file's attributes, if the file system has them."""
    try:
        os.setxattr(descriptor, _SIZE_MARK, b"%d" % size)
    except OSError as err:
        if err.errno not in _NO_MARK:
            raise


def marked_size(descriptor: int) -> int | None:
    """The size that was noted, or None."""
    try:
        return int(os.getxattr(descriptor, _SIZE_MARK))
    except ValueError:
        return None
    except OSError as err:
        if err.errno not in _NO_MARK:
            raise
        return None


def is_torn(descriptor: int, digest: Digest, size: int) -> bool:
    """Whether the file cannot be the blob, as far as its size says. The content is not read."""
    if size == 0:
        return digest.hasher().hexdigest() != digest.encoded
    marked = marked_size(descriptor)
    return marked is not None and marked != size


def open_blob(directory_fd: int, digest: Digest) -> tuple[int, os.stat_result] | None:
    """A descriptor and the status of the blob's file, or None: it is missing, torn, or no regular file.

    The caller owns the descriptor.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a fifo must not make it wait
    try:
        descriptor = os.open(digest.encoded, flags, dir_fd=directory_fd)
    except OSError as err:
        if err.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            return None
        raise
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and not is_torn(descriptor, digest, status.st_size):
            return descriptor, status
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


class LocalBlobReader:
    """An open blob."""

    def __init__(self, descriptor: int, digest: Digest, size: int) -> None:
        self._descriptor = descriptor
        self._digest = digest
        self._size = size

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._size

    def fileno(self) -> int:
        """The file descriptor, which the reader owns; -1 after `close`."""
        return self._descriptor

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer at the end only.

        Raises:
            KernelError: the disk cannot read it (EIO).
        """
        try:
            found = os.pread(self._descriptor, length, offset)
            while len(found) < length and offset + len(found) < self._size:  # pread(2) gives at most 2 GiB
                more = os.pread(self._descriptor, length - len(found), offset + len(found))
                if not more:
                    break
                found += more
        except OSError as err:
            raise kernel_error(
                "pread", f"{length} at {offset}", err.errno or 0, where=f"cannot read {self._digest}"
            ) from err
        return found

    def close(self) -> None:
        """Give the file descriptor back."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(OSError):
            self.close()
