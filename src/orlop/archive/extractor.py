"""Layers unpacked into a directory, without ever reaching anything outside of it.

    overlay    the layer alone, in a directory that was empty: deletions are marked as overlayfs wants it
    applied    on top of a directory that holds what is below: deletions are done

In both, an entry replaces what stands at its path, but for a directory on a directory, which takes the new one's mode,
owner, attributes and time. A whiteout concerns lower layers only, wherever in the archive it stands: what the layer
itself has at that place stays, and is all that stays. Nothing is fsynced: that is the caller's policy.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EEXIST
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, KernelError, PermissionDenied
from orlop.linux.errno_text import errno_advice, errno_name_and_text

from . import tree_removal
from .attributes import Attributes, has_default_acl
from .contract import EntryType
from .directory_chain import Directory, DirectoryChain
from .entry_path import NoDirectory, shown
from .implied_directories import ImpliedDirectories
from .overlay_marks import OverlayMarks
from .ownership import IdMap
from .unpacked_paths import UnpackedPaths
from .whiteout import PREFIX, Whiteout, parse_whiteout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .contract import Entry, IdRange, Limits
    from .tar_reader import TarReader

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_IMPLIED_MODE = 0o755  # of a directory that has no entry, as containerd
_NODE_TYPES = {
    EntryType.CHARACTER_DEVICE: stat.S_IFCHR,
    EntryType.BLOCK_DEVICE: stat.S_IFBLK,
    EntryType.FIFO: stat.S_IFIFO,
}


@dataclass(slots=True)
class ExtractStats:
    """What was extracted.

    `implied` are the directories of the overlay form that only lower layers describe, b"" for the root: they are 0755
    of root with time 0, and where a lower layer has them, the caller gives them its mode, owner, attributes and time.
    `passed`, `deleting` and `needs_parent` are UnpackResult's.
    `dropped_xattrs` counts, by name, attributes that no file gets or that the file system does not take.
    """

    entries: int = 0
    file_bytes: int = 0  # of regular files, holes included
    whiteouts: int = 0
    implied: list[bytes] = field(default_factory=list)
    passed: list[bytes] = field(default_factory=list)
    deleting: list[bytes] = field(default_factory=list)
    needs_parent: bool = False
    dropped_xattrs: dict[bytes, int] = field(default_factory=dict)


def extract(
    reader: TarReader,
    root_fd: int,
    *,
    form: str,
    user_xattr: bool = False,
    uid_map: Sequence[IdRange] = (),
    gid_map: Sequence[IdRange] = (),
    limits: Limits | None = None,
    allow_devices: bool = True,
    has_parent: bool = False,
) -> ExtractStats:
    """Unpack the archive into the directory `root_fd`, which stays the caller's.

    `limits` are the reader's where they are not given. `has_parent` is UnpackJob's, for the overlay form. The
    process's umask is changed meanwhile, and its working directory where a link or device has attributes: the process
    should have one thread.

    Raises:
        InvalidArgument: an entry is refused; what came before it stays unpacked.
        PermissionDenied: the archive has a device, and `allow_devices` is False.
        KernelError: the kernel refused.
    """
    if form not in ("overlay", "applied"):
        raise InvalidArgument(f'form: "{form}" is not one that is extracted', hint="use overlay or applied")
    old_umask = os.umask(0)
    try:
        extraction = _Extraction(
            reader,
            root_fd,
            is_overlay=form == "overlay",
            opaque_name="user.overlay.opaque" if user_xattr else "trusted.overlay.opaque",
            uids=IdMap(uid_map, "uid"),
            gids=IdMap(gid_map, "gid"),
            limits=limits or reader.limits,
            allow_devices=allow_devices,
            may_need_parent=has_parent and form == "overlay",
        )
        try:
            extraction.run()
        finally:
            extraction.close()
        return extraction.result()
    finally:
        os.umask(old_umask)


class _Extraction:
    def __init__(
        self,
        reader: TarReader,
        root_fd: int,
        *,
        is_overlay: bool,
        opaque_name: str,
        uids: IdMap,
        gids: IdMap,
        limits: Limits,
        allow_devices: bool,
        may_need_parent: bool,
    ) -> None:
        self._reader = reader
        self._is_overlay = is_overlay
        self._attributes = Attributes(uids, gids)
        self._limits = limits
        self._allow_devices = allow_devices
        self._stats = ExtractStats()
        self._implied = ImpliedDirectories(limits.entries)
        self._may_need_parent = may_need_parent
        self._marks = OverlayMarks(opaque_name, self._implied.hides, self._implied.deletes_in)
        # Only whiteouts on top of other files have to tell the layer's own from those below.
        self._unpacked = None if is_overlay else UnpackedPaths()
        self._deletes = False  # a deletion makes no directory anew that the layer has deleted
        self._chain = DirectoryChain(root_fd, make=self._make_implied, remake=self._remake_deleted)
        self._link_chain = DirectoryChain(root_fd, make=None)
        # A default ACL of a directory decides over the mode of what is made in it, and lower layers may have some.
        self._exact_modes = not is_overlay or has_default_acl(self._chain.root.fd)
        self._is_stale = False  # both chains, for a directory or link was replaced
        self._protected = b""  # the last directory whose way is among the unpacked paths
        self._makers = {
            EntryType.FILE: self._file,
            EntryType.HARD_LINK: self._hard_link,
            EntryType.SYMLINK: self._symlink,
            EntryType.DIRECTORY: self._directory,
        }

    def run(self) -> None:
        """Take all entries."""
        for entry in self._reader:
            try:
                self._take(entry)
            except InvalidArgument as error:
                raise self._reader.refusal(entry.path, error) from None
            except OSError as error:
                raise self._kernel_error(entry, error) from error

    def result(self) -> ExtractStats:
        """The numbers, when it has run."""
        if self._is_overlay:
            self._stats.implied = self._implied.paths()
            self._stats.passed, self._stats.deleting = self._implied.passed(), self._implied.deleting()
        self._stats.dropped_xattrs = self._attributes.dropped
        return self._stats

    def close(self) -> None:
        """Set the times of the directories that are open still, and close them."""
        try:
            self._chain.close()
        finally:
            self._link_chain.close()

    def _kernel_error(self, entry: Entry, error: OSError) -> KernelError:
        number = error.errno or 0
        name, text = errno_name_and_text(number)
        what = f'cannot unpack: entry {self._reader.headers} ("{shown(entry.path)}", a {entry.type.value})'
        return KernelError(f"{what}: {name} ({text})", hint=errno_advice(number, ""), errno=number)

    def _take(self, entry: Entry) -> None:
        self._stats.entries += 1
        path = entry.path
        if PREFIX in path:
            whiteout = parse_whiteout(path)
            if whiteout is not None:
                self._whiteout(entry, *whiteout)
                return
        if not path:
            self._root(entry)
            return
        parent, _, name = path.rpartition(b"/")
        directory = self._enter(parent)
        if self._unpacked is not None:
            self._protect(directory.path, self._unpacked)
            self._unpacked.add(directory.child_path(name))
        self._makers.get(entry.type, self._node)(entry, directory, name)

    def _enter(self, path: bytes) -> Directory:
        if self._is_stale:
            self._chain.forget()
            self._link_chain.forget()
            self._is_stale = False
        directory = self._chain.enter(path)
        directory.is_dirty = True
        return directory

    def _protect(self, path: bytes, unpacked: UnpackedPaths) -> None:
        """Have whiteouts leave the way to something that the layer unpacks."""
        if path == self._protected:
            return
        self._protected = path
        while path and path not in unpacked:
            unpacked.add(path)
            path = path.rpartition(b"/")[0]

    # What entries make.

    def _root(self, entry: Entry) -> None:
        self._chain.forget()
        root = self._chain.root
        self._attributes.set_open(root.fd, entry, always_mode=True)
        root.mtime_ns = entry.mtime_ns
        root.is_dirty = True
        self._implied.described(b"")

    def _file(self, entry: Entry, directory: Directory, name: bytes) -> None:
        mode = entry.mode & 0o777
        try:
            fd = os.open(name, _CREATE, mode, dir_fd=directory.fd)
        except FileExistsError:
            self._replace(directory, name)
            fd = os.open(name, _CREATE, mode, dir_fd=directory.fd)
        try:
            if entry.segments is None:
                if entry.size:
                    self._copy(fd, entry.size)
            else:
                self._copy_segments(fd, entry)
            self._attributes.set_open(fd, entry, always_mode=self._exact_modes or self._attributes.has_default_acl)
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(fd)

    def _copy(self, fd: int, size: int) -> None:
        self._stats.file_bytes += size
        piece = self._reader.piece
        write = os.write
        while size:
            data = piece()
            written = write(fd, data)
            size -= written
            while written < len(data):  # a full disk says so at the next write
                data = data[written:]
                written = write(fd, data)
                size -= written

    def _copy_segments(self, fd: int, entry: Entry) -> None:
        self._stats.file_bytes += entry.size
        os.ftruncate(fd, entry.size)
        for offset, length in entry.segments or ():
            at, end = offset, offset + length
            while at < end:
                data = self._reader.piece(end - at)
                while data:
                    written = os.pwrite(fd, data, at)
                    at += written
                    data = data[written:]

    def _directory(self, entry: Entry, directory: Directory, name: bytes) -> None:
        self._make_directory(directory, name)
        fd = os.open(name, tree_removal.DIRECTORY_FLAGS, dir_fd=directory.fd)
        made = Directory(fd, directory.child_path(name), entry.mtime_ns)
        made.is_dirty = True
        self._chain.push(name, made)
        self._implied.described(made.path)
        self._attributes.set_open(fd, entry, always_mode=True)

    def _make_directory(self, directory: Directory, name: bytes) -> None:
        """Make a directory where none is yet."""
        try:
            os.mkdir(name, 0o700, dir_fd=directory.fd)
        except FileExistsError:
            if tree_removal.is_directory(directory.fd, name):
                return
            self._replace(directory, name)
            os.mkdir(name, 0o700, dir_fd=directory.fd)
            if self._is_overlay:  # what stood here hid a directory of a lower layer, which must not come back
                self._marks.hide_below(directory, name)

    def _symlink(self, entry: Entry, directory: Directory, name: bytes) -> None:
        try:
            os.symlink(entry.link_target, name, dir_fd=directory.fd)
        except FileExistsError:
            self._replace(directory, name)
            os.symlink(entry.link_target, name, dir_fd=directory.fd)
        self._attributes.set_by_name(entry, directory.fd, name)

    def _node(self, entry: Entry, directory: Directory, name: bytes) -> None:
        """A device or a fifo."""
        if entry.type is not EntryType.FIFO:
            self._check_device(entry)
        if entry.mode & 0o6000:
            # Set by name it could be something else's by then, and opening a device does things.
            raise InvalidArgument(f"mode: {entry.mode:#o}: a {entry.type.value} with setuid or setgid is not supported")
        mode = entry.mode | _NODE_TYPES[entry.type]
        device = os.makedev(*entry.device)
        try:
            os.mknod(name, mode, device, dir_fd=directory.fd)
        except FileExistsError:
            self._replace(directory, name)
            os.mknod(name, mode, device, dir_fd=directory.fd)
        self._attributes.set_by_name(entry, directory.fd, name)

    def _check_device(self, entry: Entry) -> None:
        if not self._allow_devices:
            raise PermissionDenied(
                f'cannot unpack: entry {self._reader.headers} ("{shown(entry.path)}"): devices are not allowed here',
                hint="unpack as root, or use an image without devices",
            )
        if entry.device == (0, 0) and entry.type is EntryType.CHARACTER_DEVICE:
            raise InvalidArgument(
                "type: a character device 0:0 is overlayfs's mark of a deletion", hint="layers say that by a .wh. name"
            )

    def _hard_link(self, entry: Entry, directory: Directory, name: bytes) -> None:
        """A further name of what the archive had before; its own mode, owner and time mean nothing, as for tar."""
        parent, _, target = entry.link_target.rpartition(b"/")
        if PREFIX in entry.link_target and parse_whiteout(entry.link_target) is not None:
            raise InvalidArgument("linkname: the target of a hard link is a whiteout")
        if _leads_on(directory.fd, name):  # replaced first: the target may stand in it, and is gone then
            self._replace(directory, name)
            self._link_chain.forget()
        try:
            source, found = self._link_source(entry.link_target)
        except InvalidArgument:
            if not self._may_need_parent:
                raise
            self._stats.needs_parent = True
            return
        if stat.S_ISDIR(found.st_mode) or _is_deletion(found):
            raise InvalidArgument(f'linkname: "{shown(entry.link_target)}" is a directory or a deletion')
        try:
            os.link(target, name, src_dir_fd=source.fd, dst_dir_fd=directory.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno != EEXIST:
                raise
            there = os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
            if os.path.samestat(there, found):
                if source.child_path(target) == directory.child_path(name):
                    raise InvalidArgument("linkname: a hard link to itself") from None
                return
            self._replace(directory, name)
            source = self._link_chain.enter(parent)  # what was replaced may have closed it
            os.link(target, name, src_dir_fd=source.fd, dst_dir_fd=directory.fd, follow_symlinks=False)

    def _link_source(self, path: bytes) -> tuple[Directory, os.stat_result]:
        """The directory with the target of a hard link, and the target."""
        parent, _, target = path.rpartition(b"/")
        source = self._link_chain.enter(parent)
        try:
            return source, os.stat(target, dir_fd=source.fd, follow_symlinks=False)
        except FileNotFoundError:
            raise InvalidArgument(
                f'linkname: "{shown(path)}" does not exist',
                hint="it must stand in the same layer, before its hard links",
            ) from None

    def _replace(self, directory: Directory, name: bytes) -> None:
        """Remove what stands there."""
        self._forget_way(directory, name)
        if self._is_overlay and tree_removal.is_directory(directory.fd, name):
            self._implied.gone(directory.child_path(name))
        tree_removal.remove(directory.fd, name)

    def _forget_way(self, directory: Directory, name: bytes) -> None:
        """Have the open directories looked up again, if one of them may have been reached through what goes now."""
        if _leads_on(directory.fd, name):
            self._is_stale = True

    def _make_implied(self, parent: Directory, name: bytes) -> None:
        """Make a directory that no entry has made."""
        self._implied.made(parent.child_path(name))
        self._make_default(parent, name)

    def _remake_deleted(self, parent: Directory, name: bytes) -> bool:
        """Make a directory where the layer has deleted one, and yet has something in it; False of anything else."""
        if self._deletes or not _is_deletion(os.stat(name, dir_fd=parent.fd, follow_symlinks=False)):
            return False
        os.unlink(name, dir_fd=parent.fd)
        self._make_default(parent, name)
        self._marks.hide_below(parent, name)
        return True

    def _make_default(self, parent: Directory, name: bytes) -> None:
        os.mkdir(name, _IMPLIED_MODE, dir_fd=parent.fd)
        parent.is_dirty = True
        fd = os.open(name, tree_removal.DIRECTORY_FLAGS, dir_fd=parent.fd)
        try:
            self._attributes.set_default(fd, _IMPLIED_MODE)
        finally:
            os.close(fd)

    # Whiteouts.

    def _whiteout(self, entry: Entry, kind: Whiteout, target: bytes) -> None:
        if kind is Whiteout.IGNORED:
            return
        if entry.type not in (EntryType.FILE, EntryType.HARD_LINK) or entry.size:
            raise InvalidArgument(f"whiteout: a {entry.type.value} of {entry.size} bytes", hint="it is an empty file")
        self._stats.whiteouts += 1
        self._deletes = True
        try:
            directory = self._enter(entry.path.rpartition(b"/")[0])
        except NoDirectory:
            # What became a file or was deleted hides all that was in it; umoci deletes that one by one beneath it.
            return
        finally:
            self._deletes = False
        if self._unpacked is not None:
            self._remove_lower(directory, target, self._unpacked)
        elif kind is Whiteout.OPAQUE:
            self._marks.hide_below(directory, b".")
        else:
            self._marks.delete(directory, target)

    def _remove_lower(self, directory: Directory, name: bytes, unpacked: UnpackedPaths) -> None:
        """Remove `name`, or all names for b"", but for what this layer has unpacked."""
        if not name:
            self._forget_way(directory, b".")
            tree_removal.prune(directory.fd, directory.path, b".", unpacked.__contains__)
            return
        self._forget_way(directory, name)
        path = directory.child_path(name)
        if path not in unpacked:
            tree_removal.remove(directory.fd, name)
        elif tree_removal.is_directory(directory.fd, name):
            tree_removal.prune(directory.fd, path, name, unpacked.__contains__)


def _leads_on(parent_fd: int, name: bytes) -> bool:
    """Whether a directory or a symbolic link stands there."""
    with suppress(FileNotFoundError):
        mode = os.stat(name, dir_fd=parent_fd, follow_symlinks=False).st_mode
        return stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
    return False


def _is_deletion(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0
