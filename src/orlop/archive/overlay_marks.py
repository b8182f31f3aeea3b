"""Deletions of a layer as overlayfs reads them: devices 0/0, and an attribute on directories that hide those below.

Overlayfs takes the devices away where it merges directories. In one that it does not merge, because it or a directory
above it is opaque, they would be listed as files that nobody can open; and there is nothing there to delete.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

from . import tree_removal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .directory_chain import Directory

_PATHS_BYTES = 8 << 20


class OverlayMarks:
    """The marks of one layer. `attribute` is what marks opaque directories; `hides` is told the path of each.

    `deletes_in` is told the directory of each deletion.
    """

    def __init__(
        self,
        attribute: str,
        hides: Callable[[bytes], None] | None = None,
        deletes_in: Callable[[bytes], None] | None = None,
    ) -> None:
        self._attribute = attribute
        self._hides = hides
        self._deletes_in = deletes_in
        self._opaque: set[bytes] = set()
        self._bytes_left = _PATHS_BYTES

    def delete(self, directory: Directory, name: bytes) -> None:
        """Hide what lower layers have of this name; what this layer has stays."""
        if self._is_in_opaque(directory.path):
            return
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=directory.fd)
        except FileExistsError:
            # The layer has the name itself. A file hides what is below anyway, a directory must be told to.
            if tree_removal.is_directory(directory.fd, name):
                self.hide_below(directory, name)
            return
        if self._deletes_in is not None:
            self._deletes_in(directory.path)

    def hide_below(self, directory: Directory, name: bytes) -> None:
        """Make the directory `name` of a directory opaque; b"." is the directory itself."""
        path = directory.path if name == b"." else directory.child_path(name)
        if path not in self._opaque:
            self._bytes_left -= len(path)
            if self._bytes_left < 0:
                raise InvalidArgument("whiteout: too many directories are opaque")
            self._opaque.add(path)
        if self._hides is not None:
            self._hides(path)
        fd = os.open(name, tree_removal.DIRECTORY_FLAGS, dir_fd=directory.fd)
        try:
            os.setxattr(fd, self._attribute, b"y")
        finally:
            os.close(fd)
        tree_removal.remove_devices_zero(directory.fd, name)

    def _is_in_opaque(self, path: bytes) -> bool:
        while self._opaque:
            if path in self._opaque:
                return True
            if not path:
                break
            path = path.rpartition(b"/")[0]
        return False
