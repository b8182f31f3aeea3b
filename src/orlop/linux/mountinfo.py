"""The mounts of a process, as /proc/<pid>/mountinfo lists them (proc(5))."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FIXED_FIELDS = 6


class Mount:
    """One line of mountinfo; the names are those of proc(5)."""

    __slots__ = (
        "device",
        "filesystem_type",
        "mount_id",
        "mount_options",
        "mountpoint",
        "parent_id",
        "propagation",
        "root",
        "source",
        "super_options",
    )

    def __init__(self, left: Sequence[str], right: Sequence[str]) -> None:
        self.mount_id = int(left[0])
        self.parent_id = int(left[1])
        self.device = left[2]  # major:minor
        self.root = unescape(left[3])  # what of the file system the mount shows
        self.mountpoint = unescape(left[4])
        self.mount_options = left[5].split(",")
        self.propagation = list(left[_FIXED_FIELDS:])  # shared:N, master:N, propagate_from:N, unbindable
        self.filesystem_type = right[0]
        self.source = unescape(right[1])
        self.super_options = right[2].split(",") if len(right) > 2 else []


def parse_mountinfo(text: str) -> list[Mount]:
    """The mounts, in the kernel's order: a mount stands after the one it covers."""
    return [parse_mount(line) for line in text.splitlines()]


def parse_mount(line: str) -> Mount:
    """The mount that one line describes."""
    left, _, right = line.partition(" - ")
    return Mount(left.split(" "), right.split(" "))


def unescape(text: str) -> str:
    """A field with its octal escapes (of white space, backslash and #) undone."""
    if "\\" not in text:
        return text
    head, *rest = text.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
