"""A copy of a directory tree with all that a root file system has.

That is owners, modes, times, extended attributes, hard links, devices and holes. Data is shared with the original
where the file system can (FICLONE: btrfs, XFS, bcachefs).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

from orlop.snapshot.directory_cursor import DirectoryCursor, open_directory
from orlop.snapshot.tree_removal import remove_tree

_FICLONE = 0x40049409
_BLOCK_BYTES = 512
# What FICLONE and copy_file_range(2) answer where they cannot, though reading and writing can.
_CANNOT = frozenset((errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM))
_BUFFER_BYTES = 1 << 20


def copy_tree(source: Path, target: Path) -> None:
    """Fill `target`, an empty directory, with what `source` has, and make itself equal to it. Nothing is made durable.

    While it runs, a directory beside `target`, its name with `.links` at the end, holds the files of several names.

    Raises:
        OSError: something cannot be read or made; what was made stays.
    """
    links = target.with_name(f"{target.name}.links")
    links.mkdir(mode=0o700)
    links_fd = open_directory(links)
    try:
        with DirectoryCursor(source) as original, DirectoryCursor(target) as copy:
            _Copy(original, copy, links_fd).run()
    finally:
        os.close(links_fd)
        remove_tree(links)


class _Copy:
    def __init__(self, original: DirectoryCursor, copy: DirectoryCursor, links_fd: int) -> None:
        self._original = original
        self._copy = copy
        self._links_fd = links_fd
        self._linked: set[int] = set()  # inodes of the original that have a copy in the directory of links

    def run(self) -> None:
        """Depth first; a directory gets its attributes when it is left, for what is made in it changes its times."""
        pending = [self._files()]
        while True:
            if pending[-1]:
                name = pending[-1].pop()
                os.mkdir(name, 0o700, dir_fd=self._copy.fd)
                self._original.down(name)
                self._copy.down(name)
                pending.append(self._files())
                continue
            copy_attributes(self._original.fd, self._copy.fd, os.fstat(self._original.fd))
            pending.pop()
            if not pending:
                return
            self._original.up()
            self._copy.up()

    def _files(self) -> list[str]:
        """Copy what the directory has that is no directory; returns the names of the directories."""
        below = []
        with os.scandir(self._original.fd) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    below.append(entry.name)
                elif status.st_nlink > 1:
                    self._link(entry.name, status)
                else:
                    self._file(entry.name, status, self._copy.fd, entry.name)
        return below

    def _link(self, name: str, status: os.stat_result) -> None:
        first = str(status.st_ino)
        if status.st_ino not in self._linked:
            self._file(name, status, self._links_fd, first)
            self._linked.add(status.st_ino)
        os.link(first, name, src_dir_fd=self._links_fd, dst_dir_fd=self._copy.fd, follow_symlinks=False)

    def _file(self, name: str, status: os.stat_result, copy_fd: int, copy_name: str) -> None:
        if stat.S_ISREG(status.st_mode):
            self._regular(name, status, copy_fd, copy_name)
            return
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=self._original.fd), copy_name, dir_fd=copy_fd)
        else:  # a device, fifo or socket
            os.mknod(copy_name, status.st_mode, status.st_rdev, dir_fd=copy_fd)
        # Neither a link nor a device can be opened for this; the directory's own path is in the kernel's hands.
        copy_attributes(_path(self._original.fd, name), _path(copy_fd, copy_name), status)

    def _regular(self, name: str, status: os.stat_result, copy_fd: int, copy_name: str) -> None:
        from_fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._original.fd)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            to_fd = os.open(copy_name, flags, 0o600, dir_fd=copy_fd)
            try:
                if status.st_size:
                    _copy_data(from_fd, to_fd, status)
                copy_attributes(from_fd, to_fd, status)
            finally:
                os.close(to_fd)
        finally:
            os.close(from_fd)


def copy_attributes(original: int | Path, copy: int | Path, status: os.stat_result) -> None:
    """Owner, extended attributes, mode and times of an open file, or of what a path names without following it."""
    is_path = isinstance(original, Path)
    follow = not is_path
    if is_path:
        os.chown(copy, status.st_uid, status.st_gid, follow_symlinks=False)
    else:
        os.chown(copy, status.st_uid, status.st_gid)
    # After the owner, for a change of owner takes file capabilities away; before the mode, for an ACL has a part of it.
    for attribute in _attributes(original, follow=follow):
        os.setxattr(copy, attribute, os.getxattr(original, attribute, follow_symlinks=follow), follow_symlinks=follow)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(copy, stat.S_IMODE(status.st_mode))  # noqa: PTH101 - it may be a file descriptor
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(copy, ns=times, follow_symlinks=follow)


def _attributes(original: int | Path, *, follow: bool) -> list[str]:
    try:
        return os.listxattr(original, follow_symlinks=follow)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return []


def _path(directory_fd: int, name: str) -> Path:
    return Path(f"/proc/self/fd/{directory_fd}/{name}")


def _copy_data(from_fd: int, to_fd: int, status: os.stat_result) -> None:
    try:
        fcntl.ioctl(to_fd, _FICLONE, from_fd)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    else:
        return
    if status.st_blocks * _BLOCK_BYTES >= status.st_size:  # no holes
        _copy_range(from_fd, to_fd, 0, status.st_size)
        return
    os.ftruncate(to_fd, status.st_size)
    end = 0
    while end < status.st_size:
        try:
            start = os.lseek(from_fd, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # a hole up to the end
                raise
            return
        end = os.lseek(from_fd, start, os.SEEK_HOLE)
        _copy_range(from_fd, to_fd, start, end)


def _copy_range(from_fd: int, to_fd: int, start: int, end: int) -> None:
    try:
        while start < end:
            copied = os.copy_file_range(from_fd, to_fd, end - start, start, start)
            if not copied:
                return  # the file is shorter than it was
            start += copied
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    while start < end:
        data = os.pread(from_fd, min(end - start, _BUFFER_BYTES), start)
        if not data:
            return
        start += os.pwrite(to_fd, data, start)
