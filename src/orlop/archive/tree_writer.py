"""A directory tree as the entries of a tar: opened by file descriptor, nothing followed, names in order.

What changes meanwhile is an error where it would tear the stream (a file that grows or shrinks), and else one state
or the other.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orlop.linux.errno_text import kernel_error

from .contract import Entry, EntryType
from .tar_writer import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .tar_writer import TarWriter

_CHUNK = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TYPES = {
    stat.S_IFREG: EntryType.FILE,
    stat.S_IFLNK: EntryType.SYMLINK,
    stat.S_IFCHR: EntryType.CHARACTER_DEVICE,
    stat.S_IFBLK: EntryType.BLOCK_DEVICE,
    stat.S_IFDIR: EntryType.DIRECTORY,
    stat.S_IFIFO: EntryType.FIFO,
}


class TreeWriter:
    """Writes trees and single files to a tar. Two names of one file, in whatever trees, become a hard link."""

    def __init__(self, tar: TarWriter) -> None:
        self._tar = tar
        self._names: dict[tuple[int, int], bytes] = {}  # of files with several names: device, inode -> first path

    def add_tree(self, root: Path, *, path: bytes = b"") -> None:
        """Write the directory `root` with all that is in it, as `path`. Sockets are left out: no tar can have them.

        Raises:
            KernelError: something cannot be read, or the tree is deeper than the limit of open files.
            FailedPrecondition: a file changed its size meanwhile.
        """
        with _kernel_errors(os.fsencode(root)):
            descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._add_directory(descriptor, path)
        finally:
            os.close(descriptor)

    def add(self, directory_fd: int, name: bytes, path: bytes) -> bool:
        """Write the file, link or device `name` as `path`. Returns whether it is a directory, written without content.

        Raises:
            KernelError, FailedPrecondition: as `add_tree`.
        """
        with _kernel_errors(path):
            status = os.stat(name, dir_fd=directory_fd, follow_symlinks=False)
            entry = entry_of(directory_fd, name, path, status)
        if entry is None:
            return False
        first = self._first_name(status, path)
        if first is not None:
            entry.type, entry.link_target, entry.size, entry.xattrs = EntryType.HARD_LINK, first, 0, {}
        if entry.type is not EntryType.FILE:
            self._tar.add(entry)
            return entry.type is EntryType.DIRECTORY
        with _kernel_errors(path):
            descriptor = os.open(name, _FILE, dir_fd=directory_fd)
        try:
            self._tar.add(entry, _content(descriptor, entry))
        finally:
            os.close(descriptor)
        return False

    def _add_directory(self, root: int, path: bytes) -> None:
        """A directory and what is in it, without recursion: a tree may be deeper than Python's stack."""
        self.add(root, b".", path)
        open_directories = [(root, path, _names(root, path))]
        try:
            while open_directories:
                directory, directory_path, names = open_directories[-1]
                name = next(names, None)
                if name is None:
                    open_directories.pop()
                    if directory != root:
                        os.close(directory)
                    continue
                inner_path = directory_path + b"/" + name if directory_path else name
                if self.add(directory, name, inner_path):
                    inner, inner_names = _open_directory(directory, name, inner_path)
                    open_directories.append((inner, inner_path, inner_names))
        finally:
            for directory, _, _ in open_directories[1:]:
                os.close(directory)

    def _first_name(self, status: os.stat_result, path: bytes) -> bytes | None:
        if stat.S_ISDIR(status.st_mode) or status.st_nlink < 2:
            return None
        first = self._names.setdefault((status.st_dev, status.st_ino), path)
        return None if first == path else first


def entry_of(directory_fd: int, name: bytes, path: bytes, status: os.stat_result) -> Entry | None:
    """The entry of a file whose status is known, or None for a socket.

    Raises:
        OSError: its attributes or its target cannot be read.
    """
    kind = _TYPES.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    is_device = kind in (EntryType.CHARACTER_DEVICE, EntryType.BLOCK_DEVICE)
    return Entry(
        path=path,
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size if kind is EntryType.FILE else 0,
        mtime_ns=status.st_mtime_ns,
        link_target=os.readlink(name, dir_fd=directory_fd) if kind is EntryType.SYMLINK else b"",
        device=(os.major(status.st_rdev), os.minor(status.st_rdev)) if is_device else (0, 0),
        xattrs=_xattrs(directory_fd, name),
    )


def _is_kept(xattr: bytes) -> bool:
    """Attributes that mean the same on another machine; not those of this one's overlays, policies and keys."""
    return xattr == b"security.capability" or (xattr.startswith(b"user.") and not xattr.startswith(b"user.overlay."))


def _xattrs(directory_fd: int, name: bytes) -> dict[bytes, bytes]:
    # By way of /proc, for Python lacks the calls with a directory and a name (Linux 6.13). The name is not followed.
    path = b"/proc/self/fd/%d/%s" % (directory_fd, name)
    names = map(os.fsencode, os.listxattr(path, follow_symlinks=False))
    return {one: os.getxattr(path, one, follow_symlinks=False) for one in names if _is_kept(one)}


def _names(descriptor: int, path: bytes) -> Iterator[bytes]:
    with _kernel_errors(path), os.scandir(descriptor) as found:
        return iter(sorted(os.fsencode(one.name) for one in found))


def _open_directory(parent_fd: int, name: bytes, path: bytes) -> tuple[int, Iterator[bytes]]:
    """The directory, which the caller owns, and the names in it."""
    with _kernel_errors(path):
        descriptor = os.open(name, _DIRECTORY, dir_fd=parent_fd)
    try:
        return descriptor, _names(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise


def _content(descriptor: int, entry: Entry) -> Iterator[bytes]:
    """The content, and one byte more if there is one, which the writer refuses."""
    offset = 0
    while True:
        with _kernel_errors(entry.path):
            part = os.pread(descriptor, min(_CHUNK, entry.size - offset + 1), offset)
        if not part:
            return
        yield part
        offset += len(part)


@contextmanager
def _kernel_errors(path: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise kernel_error("read", f'"{printable(path)}"', err.errno or 0, where="cannot archive a tree") from err
