"""What a directory tree is, in a form that can be compared."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Node = dict[str, object]


def describe(root: Path, *, times: bool = True, holes: bool = False, identities: bool = False) -> dict[str, Node]:
    """Every entry beneath `root`, and "." for itself, by its relative path.

    Each has type, mode, uid, gid, xattrs, and what its type has: size and a hash of the content, target, device
    number, the names that are one file. With `times` mtime_ns too, with `holes` the (start, end) of data as the file
    system tells, with `identities` what shows that an entry was not even touched: inode, link count, time of change.
    """
    nodes: dict[str, Node] = {}
    links: dict[tuple[int, int], list[str]] = {}
    for path, name in _walk(os.fsencode(root)):
        found = os.lstat(path)
        node: Node = {
            "type": stat.filemode(found.st_mode)[0],
            "mode": oct(stat.S_IMODE(found.st_mode)),
            "owner": (found.st_uid, found.st_gid),
            "xattrs": {one: os.getxattr(path, one, follow_symlinks=False) for one in _xattr_names(path)},
        }
        if times:
            node["mtime_ns"] = found.st_mtime_ns
        if identities:
            node["identity"] = (found.st_dev, found.st_ino, found.st_nlink, found.st_ctime_ns)
        if stat.S_ISREG(found.st_mode):
            node |= _content(path, holes=holes)
        elif stat.S_ISLNK(found.st_mode):
            node["target"] = os.readlink(path)  # noqa: PTH115 - bytes
        elif stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
            node["device"] = (os.major(found.st_rdev), os.minor(found.st_rdev))
        if not stat.S_ISDIR(found.st_mode) and found.st_nlink > 1:
            links.setdefault((found.st_dev, found.st_ino), []).append(name)
        nodes[name] = node
    for names in links.values():
        for name in names if len(names) > 1 else ():  # overlayfs counts names that it does not show, too
            nodes[name]["links"] = sorted(names)
    return nodes


def _walk(root: bytes) -> Iterator[tuple[bytes, str]]:
    yield root, "."
    pending = [b""]
    while pending:
        below = pending.pop()
        with os.scandir(os.path.join(root, below)) as entries:  # noqa: PTH118 - bytes
            for entry in sorted(entries, key=lambda one: one.name):
                relative = below + b"/" + entry.name if below else entry.name
                yield root + b"/" + relative, os.fsdecode(relative)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(relative)


def _xattr_names(path: bytes) -> list[str]:
    return sorted(os.listxattr(path, follow_symlinks=False))


def _content(path: bytes, *, holes: bool) -> Node:
    with open(path, "rb") as file:  # noqa: PTH123 - bytes
        size = os.fstat(file.fileno()).st_size
        node: Node = {"size": size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
        if holes:
            node["data"] = list(_data_ranges(file.fileno(), size))
    return node


def _data_ranges(fd: int, size: int) -> Iterator[tuple[int, int]]:
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:  # ENXIO: nothing but a hole
            return
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at


def differences(first: dict[str, Node], second: dict[str, Node]) -> list[str]:
    """One line for each entry that differs, for a failed test to show."""
    lines = []
    for name in sorted(first.keys() | second.keys()):
        one, other = first.get(name), second.get(name)
        if one != other:
            if one is not None and other is not None:
                fields = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
                one, other = {key: one.get(key) for key in fields}, {key: other.get(key) for key in fields}
            lines.append(f"{name}: {one} != {other}")
    return lines


@contextlib.contextmanager
def same_fds() -> Iterator[None]:
    """The block leaves open what was open. What other tests left to the garbage collector is not closed meanwhile."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        before = open_fds()
        try:
            yield
        finally:
            assert open_fds() == before, "an fd stayed open, or one too many was closed"
    finally:
        if was_enabled:
            gc.enable()


def open_fds() -> set[str]:
    """The numbers of this process's open fds, but for the one that lists them."""
    return {name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")}  # noqa: PTH208
