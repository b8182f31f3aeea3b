"""The tree that a layer's entries make, kept small: what a directory on disk would hold after their extraction.

Entries come in the archive's order, and each acts as it would on a file system: a later one replaces an earlier one of
the same path, a directory over a directory changes its attributes only, a hard link names the same inode. Deletions
are overlay's: a character device 0/0, and an opaque directory. Nothing of an entry is believed without a check.

A node is a number. Its fixed fields are one record of a byte array, and what few nodes have stands in dictionaries:
an object for each file would not fit the unpacker's memory.
"""

from __future__ import annotations

import stat
import struct
from array import array
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotImplementedFeature

from .attributes import DROPPED_NAMES
from .contract import EntryType, Limits
from .entry_path import NoDirectory, shown
from .erofs_format import BLOCK_BYTES, encode_device
from .erofs_xattr import encode_xattrs
from .implied_directories import DELETING_BYTES, IMPLIED_BYTES
from .whiteout import PREFIX as WHITEOUT_PREFIX
from .whiteout import Whiteout, parse_whiteout
from .xattr_policy import is_kept

if TYPE_CHECKING:
    from .contract import Entry
    from .ownership import IdMap

# mode with its type, uid, gid, seconds and nanoseconds of mtime, size, and a field of the type's own: where a file's
# data begins in the tar, or a device's number.
RECORD = struct.Struct("<HIIqIQQ")
ROOT = 0

_IMPLIED_MODE = 0o755  # of a directory that has no entry, as containerd
_WHITEOUT = RECORD.pack(stat.S_IFCHR, 0, 0, 0, 0, 0, 0)
_MODES = {
    EntryType.FILE: stat.S_IFREG,
    EntryType.SYMLINK: stat.S_IFLNK,
    EntryType.CHARACTER_DEVICE: stat.S_IFCHR,
    EntryType.BLOCK_DEVICE: stat.S_IFBLK,
    EntryType.DIRECTORY: stat.S_IFDIR,
    EntryType.FIFO: stat.S_IFIFO,
}
_MAX_ID = 0xFFFF_FFFE  # the last one means no id
_MAX_TARGET_BYTES = 4095  # PATH_MAX without its NUL: no longer link can be read
_NODE_BYTES = 160  # what a node takes beside its name: its record, its number, its place in a dictionary
_DIRECTORY_BYTES = 450  # what a directory takes more, with its place in the layout
_PATH_BYTES = 120  # what a path takes beside its text, that is kept for the caller
_SEGMENT_BYTES = 16
_MAX_LINKS = 40  # on one way, as in the kernel
_MAX_STEPS = 4096


class LayerTree:
    """The tree so far. Node 0 is the root: a directory of root with mode 0755, unless the archive has one for it."""

    def __init__(
        self, limits: Limits, *, memory_bytes: int, uids: IdMap, gids: IdMap, has_parent: bool = False
    ) -> None:
        self._uids, self._gids = uids, gids
        self._implied_record = RECORD.pack(stat.S_IFDIR | _IMPLIED_MODE, uids[0], gids[0], 0, 0, 0, 0)
        self.records = bytearray(self._implied_record)
        self.children: dict[int, dict[bytes, int]] = {ROOT: {}}  # of directories, these too where they are empty
        self.targets: dict[int, bytes] = {}  # of symbolic links
        self.xattrs: dict[int, bytes] = {}  # encoded
        self.segments: dict[int, array[int]] = {}  # of sparse files: offset, length, offset, length, ...
        self.linked: set[int] = set()  # what a hard link was made to
        self.opaque: set[int] = set()
        self.implied = {ROOT: b""}  # directories that only lower layers describe, and their paths
        self.passed: list[bytes] = []  # the paths of those that were implied, and are described or gone
        self.deleting: set[bytes] = set()  # the paths of directories in which something was deleted
        self.needs_parent = False  # a hard link names what the layer has not
        self._implied_bytes = self._deleting_bytes = 0
        self._has_parent = has_parent
        self.dropped_xattrs: dict[bytes, int] = {}  # how many files did not get an attribute, by its name
        self.data_end = 0  # how much of the tar files use
        self._limits = limits
        self._memory_left = memory_bytes
        self._memory_bytes = memory_bytes
        self._parent_path = b""  # of the entry before, and its children: the next entry is mostly a neighbour
        self._parent_node = ROOT
        self._way = [ROOT]  # the directories on the way of the last walk
        self._way_names: list[bytes] = []  # and their names, but for the root's
        self._parent = self.children[ROOT]

    def add(self, entry: Entry) -> None:
        """Take the next entry.

        Raises:
            InvalidArgument: it names nothing that can be, or the tree exceeds a limit. The message has the path.
        """
        path = entry.path
        if WHITEOUT_PREFIX in path:
            whiteout = parse_whiteout(path)
            if whiteout is not None:
                self._add_whiteout(entry, *whiteout)
                return
        parent_path, _, name = path.rpartition(b"/")
        parent = self._parent if parent_path == self._parent_path else self._enter(parent_path, entry)
        if not path:
            self._add_root(entry)
        elif not self._is_name(name):
            raise refused(entry, "a name cannot be this")
        elif entry.type is EntryType.HARD_LINK:
            self._add_link(entry, parent, name)
        else:
            self._add_node(entry, parent, name)

    def _add_node(self, entry: Entry, parent: dict[bytes, int], name: bytes) -> None:
        record = self._record(entry)
        old = parent.get(name)
        if old is None:
            self._spend(_NODE_BYTES + len(name), entry)
        elif entry.type is EntryType.DIRECTORY and old in self.children:
            self._update_directory(old, record, entry)
            return
        else:
            self._spend(_NODE_BYTES, entry)
            self._drop(old)
        node = parent[name] = self._new_node(record)
        if entry.xattrs:
            self._set_xattrs(node, entry)
        if entry.type is EntryType.FILE:
            self._add_data(node, entry)
        elif entry.type is EntryType.DIRECTORY:
            self._spend(_DIRECTORY_BYTES, entry)
            self.children[node] = {}
            if old is not None:  # what stood here hid a directory of a lower layer, which must not come back
                self._set_opaque(node, entry)
        elif entry.type is EntryType.SYMLINK:
            self._spend(len(entry.link_target), entry)
            self.targets[node] = entry.link_target

    def _record(self, entry: Entry) -> bytes:
        """The record of an entry that is neither a hard link nor a whiteout."""
        kind = entry.type
        own = entry.data_offset
        mode = entry.mode
        size = entry.size
        if kind is not EntryType.FILE:
            own = size = 0
            if kind is EntryType.SYMLINK:
                mode, size = 0o777, _checked_target(entry)
            elif kind is not EntryType.DIRECTORY:
                own = _special_number(entry)
        uid, gid = self._uids[entry.uid], self._gids[entry.gid]
        if not (0 <= mode <= 0o7777 and 0 <= uid <= _MAX_ID and 0 <= gid <= _MAX_ID and 0 <= size < 1 << 63):
            raise refused(entry, f"mode {mode:o}, owner {uid}:{gid} or size {size} is out of range")
        seconds, nanoseconds = divmod(entry.mtime_ns, 1_000_000_000)
        try:
            return RECORD.pack(_MODES[kind] | mode, uid, gid, seconds, nanoseconds, size, own)
        except struct.error as err:
            raise refused(entry, f"its time, {entry.mtime_ns} ns, is out of range") from err

    def _new_node(self, record: bytes) -> int:
        node = len(self.records) // RECORD.size
        self.records += record
        return node

    def _add_data(self, node: int, entry: Entry) -> None:
        """Check where a file's bytes stand in the tar, and keep the places of a sparse one's."""
        offset, size, segments = entry.data_offset, entry.size, entry.segments
        stored = size
        if offset % BLOCK_BYTES or offset < 0:
            raise refused(entry, f"its data begin at {offset}, which is no multiple of {BLOCK_BYTES}")
        if segments is not None:
            stored = end = 0
            places = array("Q")
            for start, length in segments:
                if start < end or length < 0 or start + length > size:
                    raise refused(entry, f"the sparse segment {start}+{length} overlaps, or leaves the file")
                end = start + length
                stored += length
                if length:
                    places.extend((start, length))
            self._spend(_SEGMENT_BYTES * len(segments), entry)
            self.segments[node] = places
        if stored:
            self.data_end = max(self.data_end, offset + stored)

    def _add_root(self, entry: Entry) -> None:
        if entry.type is not EntryType.DIRECTORY:
            raise refused(entry, f"the root is a directory, not a {entry.type.value}")
        self._update_directory(ROOT, self._record(entry), entry)

    def _update_directory(self, node: int, record: bytes, entry: Entry) -> None:
        self._pass(node)
        self.records[node * RECORD.size : (node + 1) * RECORD.size] = record
        self.xattrs.pop(node, None)
        if entry.xattrs:
            self._set_xattrs(node, entry)

    def _set_xattrs(self, node: int, entry: Entry) -> None:
        """The attributes that a file of this type gets."""
        can_have_user = entry.type in {EntryType.FILE, EntryType.DIRECTORY}
        is_link = entry.type is EntryType.SYMLINK
        kept = {
            name: value
            for name, value in entry.xattrs.items()
            if is_kept(name)
            and (can_have_user or not name.startswith(b"user."))
            and not (is_link and name.startswith(b"system."))
        }
        if len(kept) < len(entry.xattrs):
            self._drop_xattrs(entry.xattrs.keys() - kept.keys())
        if not kept:
            return
        try:
            encoded = encode_xattrs(kept)
        except ValueError as err:
            raise refused(entry, str(err)) from err
        self._spend(len(encoded), entry)
        self.xattrs[node] = encoded

    def _drop_xattrs(self, names: set[bytes]) -> None:
        dropped = self.dropped_xattrs
        for name in names:
            if name in dropped or len(dropped) < DROPPED_NAMES:
                dropped[name] = dropped.get(name, 0) + 1

    def _add_link(self, entry: Entry, parent: dict[bytes, int], name: bytes) -> None:
        """A further name of what the archive had before; its own mode, owner and time mean nothing."""
        old = parent.get(name)
        if old in self.children:  # first: the target may stand in it, and is gone then
            self._drop(parent.pop(name))
        target_parent, _, target_name = entry.link_target.rpartition(b"/")
        what = f"it is a hard link to {_quoted(entry.link_target)}"
        try:
            siblings = self.children[self._walk(target_parent, entry, is_made=False)]
            node = siblings.get(target_name)
            if node is None:
                raise refused(entry, f"{what}, which is not in this layer, or behind its link")
        except InvalidArgument:
            if not self._has_parent:
                raise
            self.needs_parent = True
            return
        if node in self.children or self._is_whiteout(node):
            raise refused(entry, f"{what}, which is a directory or a deletion")
        if siblings is parent and name == target_name:
            raise refused(entry, f"{what}, which is itself")
        if old == node:
            return
        self._spend(_NODE_BYTES + len(name), entry)
        if old is not None and old not in self.children:
            self._drop(old)
        parent[name] = node
        self.linked.add(node)

    def _is_whiteout(self, node: int) -> bool:
        return self.records[node * RECORD.size : (node + 1) * RECORD.size] == _WHITEOUT

    def _add_whiteout(self, entry: Entry, kind: Whiteout, name: bytes) -> None:
        """Hide what layers below have; what this layer has stays, before and behind the whiteout."""
        if kind is Whiteout.IGNORED:
            return
        if entry.type not in {EntryType.FILE, EntryType.HARD_LINK} or entry.size:
            raise refused(entry, f"a whiteout is an empty file, not a {entry.type.value} of {entry.size} bytes")
        try:
            parent = self._enter(entry.path.rpartition(b"/")[0], entry, is_deletion=True)
        except NoDirectory:
            # What became a file or was deleted hides all that was in it; umoci deletes that one by one beneath it.
            return
        if kind is Whiteout.OPAQUE:
            self._set_opaque(self._parent_node, entry)
            return
        if not self._is_name(name):
            raise refused(entry, "a whiteout of a name that cannot be")
        if not self.opaque.isdisjoint(self._way):
            return
        old = parent.get(name)
        if old is None:
            self._spend(_NODE_BYTES + len(name), entry)
            parent[name] = self._new_node(_WHITEOUT)
            self._note_deletion(entry)
        elif old in self.children:
            self._set_opaque(old, entry)

    def _note_deletion(self, entry: Entry) -> None:
        """Keep the directory that was just entered."""
        path = b"/".join(self._way_names)
        if path not in self.deleting:
            self._spend(_PATH_BYTES + len(path), entry)
            self._deleting_bytes += len(path) + 1
            if self._deleting_bytes > DELETING_BYTES:
                raise InvalidArgument("layer: whiteout: there are deletions in too many directories")
            self.deleting.add(path)

    def _set_opaque(self, node: int, entry: Entry) -> None:
        if node in self.opaque:
            return
        self._spend(_NODE_BYTES, entry)
        self.opaque.add(node)
        self._drop_deletions(node)

    def _drop_deletions(self, top: int) -> None:
        """Remove deletions from a directory that hides all below it, and from those in it: there is nothing to delete.

        Overlayfs does not merge these directories, and would list the deletions as files that nobody can open.
        """
        pending = [top]
        while pending:
            children = self.children[pending.pop()]
            for name in [name for name, node in children.items() if self._is_whiteout(node)]:
                del children[name]
            pending += [node for node in children.values() if node in self.children]

    def _enter(self, path: bytes, entry: Entry, *, is_deletion: bool = False) -> dict[bytes, int]:
        """The children of the directory at `path`, made where it is missing.

        Where the layer deletes a directory it is made anew, but not for the sake of a deletion in it (NoDirectory).
        """
        self._parent_node = self._walk(path, entry, is_made=True, is_remade=not is_deletion)
        self._parent_path, self._parent = path, self.children[self._parent_node]
        return self._parent

    def _walk(self, path: bytes, entry: Entry, *, is_made: bool, is_remade: bool = True) -> int:
        """The directory at `path`. A link on the way counts as the place it names, with the layer's root as `/`."""
        todo = path.split(b"/")[::-1] if path else []
        walked = [ROOT]
        names: list[bytes] = []
        links = steps = 0
        while todo:
            part = todo.pop()
            steps += 1
            if part == b"..":  # of a link's target
                if names:
                    walked.pop()
                    names.pop()
                continue
            node = self.children[walked[-1]].get(part, -1)
            if node in self.targets:
                links += 1
                target = self.targets[node]
                todo += [one for one in reversed(target.split(b"/")) if one not in {b"", b"."}]
                if target.startswith(b"/"):
                    del walked[1:], names[:]
            elif node in self.children:
                walked.append(node)
                names.append(part)
            elif is_made and (node < 0 or (is_remade and self._is_whiteout(node))):
                names.append(part)
                walked.append(self._add_implied(walked, names, entry))
            else:
                why = f"{_quoted(part)} on the way to it is no directory of this layer"
                raise NoDirectory(refused(entry, why).message)
            if links > _MAX_LINKS or steps > _MAX_STEPS or len(walked) > self._limits.depth + 1:
                raise refused(entry, f"its path has more than {self._limits.depth} parts, or too many links")
        self._way, self._way_names = walked, names
        return walked[-1]

    def _add_implied(self, way: list[int], names: list[bytes], entry: Entry) -> int:
        """A directory in the last one of `way`, where nothing is, or a deletion, which it makes opaque."""
        name = names[-1]
        if not self._is_name(name):
            raise refused(entry, "a name in its path cannot be this")
        self._spend(_NODE_BYTES + _DIRECTORY_BYTES + len(name), entry)
        node = self._new_node(self._implied_record)
        self.children[node] = {}
        siblings = self.children[way[-1]]
        if name in siblings:
            self._set_opaque(node, entry)
        elif self.opaque.isdisjoint(way):
            path = self.implied[node] = b"/".join(names)
            self._spend(_PATH_BYTES + len(path), entry)
            self._implied_bytes += len(path) + 1
            if self._implied_bytes > IMPLIED_BYTES:
                raise InvalidArgument("layer: path: too many directories have no entry of their own")
        siblings[name] = node
        return node

    def _pass(self, node: int) -> None:
        """A directory is described now, or gone."""
        path = self.implied.pop(node, b"")
        if path:
            self.passed.append(path)

    def _is_name(self, name: bytes) -> bool:
        return 0 < len(name) <= self._limits.name_bytes and name not in {b".", b".."} and b"\0" not in name

    def _drop(self, node: int) -> None:
        """Forget what a replaced name had; a node with other names stays in use by these."""
        self._parent_path, self._parent_node, self._parent = b"", ROOT, self.children[ROOT]  # it may have been inside
        if node in self.linked:
            return
        self.targets.pop(node, None)
        self.xattrs.pop(node, None)
        self.segments.pop(node, None)
        self.opaque.discard(node)
        self._pass(node)
        if node in self.children:
            pending = [node]
            while pending:
                for child in self.children.pop(pending.pop()).values():
                    if child in self.children:
                        self.xattrs.pop(child, None)
                        self.opaque.discard(child)
                        self._pass(child)
                        pending.append(child)
                    else:
                        self._drop(child)

    def _spend(self, size: int, entry: Entry) -> None:
        self._memory_left -= size
        if self._memory_left < 0:
            bound = f"{self._memory_bytes / (1 << 20):.3g} MiB"
            raise NotImplementedFeature(
                f"layer: {_quoted(entry.path)}: the index needs more than {bound} of memory",
                hint="use --snapshotter overlayfs for this image, or raise unpack.memory_mib in orlop's configuration",
            )


def _checked_target(entry: Entry) -> int:
    """The length of a symbolic link's target."""
    size = len(entry.link_target)
    if not size or size > _MAX_TARGET_BYTES or b"\0" in entry.link_target:
        raise refused(entry, f"a symbolic link's target has 1 to {_MAX_TARGET_BYTES} bytes and no NUL")
    return size


def _special_number(entry: Entry) -> int:
    """The number of a device, checked; 0 for a fifo."""
    if entry.mode & (stat.S_ISUID | stat.S_ISGID):
        raise refused(entry, f"mode {entry.mode:o}: a {entry.type.value} with setuid or setgid is not supported")
    if entry.type is EntryType.FIFO:
        return 0
    if entry.device == (0, 0) and entry.type is EntryType.CHARACTER_DEVICE:
        raise refused(entry, "a character device 0:0 is overlayfs's mark of a deletion; layers say that by a .wh. name")
    try:
        return encode_device(*entry.device)
    except ValueError as err:
        raise refused(entry, str(err)) from err


def refused(entry: Entry, why: str) -> InvalidArgument:
    """The error that says why an entry cannot be in an index."""
    return InvalidArgument(f"layer: {_quoted(entry.path)}: {why}")


def _quoted(path: bytes) -> str:
    return f'"{shown(path)}"'
