"""Which cgroup hierarchies a host has, where they are mounted, and where this process is in them (cgroups(7)).

Pure functions over the texts of /proc/self/mountinfo and /proc/self/cgroup.
"""

from __future__ import annotations

from orlop.linux.mountinfo import parse_mount

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
    own = parse_own_cgroups(own_cgroups)
    found: dict[str, CgroupHierarchy] = {}
    for line in mountinfo.splitlines():
        if " - cgroup" not in line:  # a host can have hundreds of mounts; few are ours to take apart
            continue
        mount = parse_mount(line)
        if mount.filesystem_type == "cgroup2":
            name: str | None = ""
        elif mount.filesystem_type == "cgroup":
            name = _hierarchy_name(mount.super_options, own)
        else:
            continue
        if name is not None and name not in found:
            own_path = own.get(name, "/")
            found[name] = CgroupHierarchy(name, mount.mountpoint, mount.root, own_path, is_unified=not name)
    return CgroupLayout(_mode(found), list(found.values()))


def parse_own_cgroups(text: str) -> dict[str, str]:
    """The cgroup of a process in each hierarchy, by the hierarchy's name; "" is the unified one (/proc/self/cgroup)."""
    own: dict[str, str] = {}
    for line in text.splitlines():
        _, name, path = line.split(":", 2)  # a path may hold colons, as the systemd driver of older releases made them
        own[name] = path
    return own


def _hierarchy_name(options: Sequence[str], own: dict[str, str]) -> str | None:
    """The name in /proc/self/cgroup of the v1 hierarchy whose superblock has these options."""
    for name in own:
        if name and all(part in options for part in name.split(",")):
            return name
    return None


def _mode(found: dict[str, CgroupHierarchy]) -> str:
    if any(found):  # a hierarchy with a name: v1
        return "hybrid" if "" in found else "v1"
    return "v2" if found else "none"
