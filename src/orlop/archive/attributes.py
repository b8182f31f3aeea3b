"""Owner, mode, extended attributes and time of what was unpacked."""

from __future__ import annotations

import os
from errno import ENODATA, ENOTSUP, EPERM
from typing import TYPE_CHECKING

from .xattr_policy import ACL_DEFAULT, is_kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .contract import Entry
    from .ownership import IdMap

_SPECIAL_BITS = 0o7000
DROPPED_NAMES = 64


class Attributes:
    """Gives files what their entries say.

    `dropped` counts, by name, attributes that no file gets or that the file system does not take.
    """

    def __init__(self, uids: IdMap, gids: IdMap) -> None:
        self._uids = uids
        self._gids = gids
        self.dropped: dict[bytes, int] = {}
        self.has_default_acl = False  # some directory got one, which decides over modes of what is made in it

    def set_open(self, fd: int, entry: Entry, *, always_mode: bool) -> None:
        """Owner, attributes and mode of an open file that was made with the mode's permission bits, in this order.

        A change of the owner clears setuid, setgid and capabilities, and an access control list sets the mode.
        `always_mode` is for what may have been there before, or have got attributes of its directory's default access
        control list: it takes those away that the entry does not have, and sets the mode even where it should be right.
        """
        os.fchown(fd, self._uids[entry.uid], self._gids[entry.gid])
        if always_mode:
            _take_away(fd, but=entry.xattrs)
        if entry.xattrs:
            self._set_xattrs(fd, entry)
            always_mode = True
        if always_mode or entry.mode & _SPECIAL_BITS:
            os.fchmod(fd, entry.mode)

    def set_by_name(self, entry: Entry, directory_fd: int, name: bytes) -> None:
        """Owner, attributes and time of what cannot be opened; its mode was given when it was made."""
        uid, gid = self._uids[entry.uid], self._gids[entry.gid]
        os.chown(name, uid, gid, dir_fd=directory_fd, follow_symlinks=False)
        if entry.xattrs:
            # There is no setxattrat before Linux 6.13: in the directory itself the name is one part of a path.
            here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fchdir(directory_fd)
                self._set_xattrs(name, entry)
            finally:
                os.fchdir(here)
                os.close(here)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=directory_fd, follow_symlinks=False)

    def set_default(self, fd: int, mode: int) -> None:
        """Give an open directory that no entry describes to the container's root, with time 0."""
        os.fchown(fd, self._uids[0], self._gids[0])  # also where it is root's: a setgid directory gives its own group
        _take_away(fd, but={})
        os.fchmod(fd, mode)
        os.utime(fd, ns=(0, 0))

    def _set_xattrs(self, file: int | bytes, entry: Entry) -> None:
        for name, value in entry.xattrs.items():
            if not is_kept(name):
                self._drop(name)
                continue
            try:
                if isinstance(file, int):
                    os.setxattr(file, name, value)
                else:
                    os.setxattr(file, name, value, follow_symlinks=False)
            except OSError as error:
                # A file system without them; and user.* is for files and directories only.
                is_user_on_other = error.errno == EPERM and not isinstance(file, int) and name.startswith(b"user.")
                if error.errno != ENOTSUP and not is_user_on_other:
                    raise
                self._drop(name)
            else:
                self.has_default_acl = self.has_default_acl or name == ACL_DEFAULT.encode()

    def _drop(self, name: bytes) -> None:
        if name in self.dropped or len(self.dropped) < DROPPED_NAMES:
            self.dropped[name] = self.dropped.get(name, 0) + 1


def _take_away(fd: int, *, but: Mapping[bytes, bytes]) -> None:
    """Take those attributes of an open file away that an archive can have, but for some."""
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno != ENOTSUP:
            raise
        return
    for name in map(os.fsencode, names):
        if name not in but and is_kept(name):
            os.removexattr(fd, name)


def has_default_acl(fd: int) -> bool:
    """Whether a directory has an access control list for what is made in it."""
    try:
        os.getxattr(fd, ACL_DEFAULT)
    except OSError as error:
        if error.errno not in (ENODATA, ENOTSUP):
            raise
        return False
    return True
