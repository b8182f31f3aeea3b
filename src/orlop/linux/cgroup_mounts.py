"""Which cgroup hierarchies a host has, where they are mounted, and where this process is in them (cgroups(7)).

Pure functions over the texts of /proc/self/mountinfo and /proc/self/cgroup.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class CgroupHierarchy:
    """One mounted hierarchy. `name` is its controllers, comma-separated as /proc/self/cgroup has them, or `name=x`."""

    __slots__ = ("controllers", "is_unified", "mountpoint", "name", "own_path", "root")

    def __init__(self, name: str, mountpoint: str, root: str, own_path: str, *, is_unified: bool) -> None:
        self.name = name
        self.controllers: Sequence[str] = () if is_unified or name.startswith("name=") else tuple(name.split(","))
        self.mountpoint = mountpoint
        self.root = root  # the cgroup that the mount shows as its root
        self.own_path = own_path  # the cgroup of the process that asked
        self.is_unified = is_unified


class CgroupLayout:
    """`mode` is "v1", "hybrid" (v1 controllers and a unified hierarchy beside them), "v2", or "none"."""

    __slots__ = ("hierarchies", "mode")

    def __init__(self, mode: str, hierarchies: Sequence[CgroupHierarchy]) -> None:
        self.mode = mode
        self.hierarchies = hierarchies


def parse_cgroup_layout(mountinfo: str, own_cgroups: str) -> CgroupLayout:
    """The layout that the two texts describe. Of several mounts of one hierarchy the first counts."""
    own: dict[str, str] = {}
    for line in own_cgroups.splitlines():
        _, name, path = line.split(":", 2)
        own[name] = path
    found: dict[str, CgroupHierarchy] = {}
    for line in mountinfo.splitlines():
        if " - cgroup" not in line:
            continue
        left, _, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if tail[0] not in ("cgroup", "cgroup2"):
            continue
        name = "" if tail[0] == "cgroup2" else _name_of(tail[2].split(","), own)
        if name is not None and name not in found:
            root, mountpoint = _unescape(fields[3]), _unescape(fields[4])
            found[name] = CgroupHierarchy(name, mountpoint, root, own.get(name, "/"), is_unified=not name)
    has_v1 = any(name for name in found)
    mode = ("hybrid" if "" in found else "v1") if has_v1 else "v2" if "" in found else "none"
    return CgroupLayout(mode, list(found.values()))


def _name_of(options: list[str], own: dict[str, str]) -> str | None:
    """The name in /proc/self/cgroup of the hierarchy that a v1 mount with these superblock options shows."""
    for name in own:
        if name and all(part in options for part in name.split(",")):
            return name
    return None


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(escape, character)
    return text
