"""Files of this host gathered for an image: each under its own path, with the links and directories on the way."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from orlop.archive.contract import Entry, EntryType
from orlop.archive.tree_writer import TreeWriter
from orlop.errors import InvalidArgument, NotFound
from orlop.linux.errno_text import kernel_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.archive.tar_writer import TarWriter

_LINKS_MAX = 40  # as the kernel follows (path_resolution(7))


class HostTree:
    """Paths of the image. Directories and links have no time, so that the same files give the same image."""

    def __init__(self) -> None:
        self._entries: dict[
            bytes, tuple[Entry, bytes | None]
        ] = {}  # by path: entry, and content that is not the host's

    def __contains__(self, path: bytes) -> bool:
        return path in self._entries

    def add(self, path: str, *, follow_last: bool = True) -> str:
        """Take a file, with what leads to it; of a directory, the directory alone. Returns its path without links.

        Not to `follow_last` takes a link that the path names as it is, wherever it points.

        Raises:
            NotFound: it, or what a link on the way points at, is not there.
            InvalidArgument: it is a device, a socket or a fifo, or links go round.
        """
        place, pending, links = b"", _parts(os.fsencode(path)), 0
        while pending:
            part = pending.pop()
            if part == b"..":
                place = place.rpartition(b"/")[0]
                continue
            here = place + b"/" + part
            status = _status(here, path)
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > _LINKS_MAX:
                    raise InvalidArgument(f"{path}: links go round at {os.fsdecode(here)}")
                target = os.readlink(here)  # noqa: PTH115 - bytes
                self._keep(_entry(here, EntryType.SYMLINK, status, link_target=target))
                if not pending and not follow_last:
                    return os.fsdecode(here)
                place = b"" if target.startswith(b"/") else place
                pending += _parts(target)
                continue
            self._keep(_entry(here, _type(here, status), status))
            place = here
        return os.fsdecode(place or b"/")

    def add_content(self, entry: Entry, content: bytes = b"") -> None:
        """Take something that the host does not have, unless there is such a path already."""
        self._entries.setdefault(entry.path, (entry, content))

    def write(self, tar: TarWriter) -> None:
        """Write all of it, parents first.

        Raises:
            KernelError, FailedPrecondition: a file cannot be read, or changed meanwhile.
        """
        tree = TreeWriter(tar)
        root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for path in sorted(self._entries):
                entry, content = self._entries[path]
                if content is not None:
                    tar.add(entry, [content])
                elif entry.type is EntryType.FILE:
                    tree.add(root, path, path)
                else:
                    tar.add(entry)
        finally:
            os.close(root)

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.path] = (entry, None)


def files_below(directory: str) -> Iterator[str]:
    """Everything in a directory, and in its directories; links are not followed.

    Raises:
        KernelError: one cannot be read.
    """
    pending = [directory]
    while pending:
        try:
            with os.scandir(pending.pop()) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError as err:
            raise kernel_error("open", str(err.filename), err.errno or 0, where=f"cannot read {directory}") from err
        for one in entries:
            yield one.path
            if one.is_dir(follow_symlinks=False):
                pending.append(one.path)


def _parts(path: bytes) -> list[bytes]:
    """The parts of a path, the first one last."""
    return [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]


def _status(here: bytes, path: str) -> os.stat_result:
    try:
        return os.lstat(here)
    except OSError as err:
        if err.errno in (errno.ENOENT, errno.ENOTDIR):
            where = "" if os.fsdecode(here) == path else f": {os.fsdecode(here)}"
            raise NotFound(f"{path}{where}: there is no such file") from None
        raise kernel_error("lstat", os.fsdecode(here), err.errno or 0, where=f"cannot read {path}") from err


def _type(here: bytes, status: os.stat_result) -> EntryType:
    if stat.S_ISDIR(status.st_mode):
        return EntryType.DIRECTORY
    if stat.S_ISREG(status.st_mode):
        return EntryType.FILE
    raise InvalidArgument(f"{os.fsdecode(here)}: is neither file, directory nor link; leave it out")


def _entry(here: bytes, kind: EntryType, status: os.stat_result, *, link_target: bytes = b"") -> Entry:
    return Entry(
        path=here[1:],
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        link_target=link_target,
    )
