"""The facts of the host that the compiler is given: where cgroups are, which capabilities exist, the compiled filter.

Everything is read through /proc and /sys, once per request; nothing is changed, but for the cache of seccomp programs.
"""

from __future__ import annotations

import posix

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.linux.capabilities import read_capability_mask
from orlop.linux.cgroup_mounts import CgroupLayout, parse_cgroup_layout
from orlop.plan.cgroups import CgroupDirectory, CgroupPlacement
from orlop.plan.context import SeccompProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from orlop.oci.container_id import ContainerId

_PASSWD_MAX_BYTES = 1 << 20
_layouts: dict[tuple[str, str], CgroupLayout] = {}


def capability_mask(config: dict[str, Any], proc: str) -> int:
    """Every capability that a container of this configuration can get: the caller's own, or all in a user namespace.

    `proc` is the caller's directory in /proc, here as below.
    """
    known = read_capability_mask()
    namespaces = (config.get("linux") or {}).get("namespaces") or ()
    if any(namespace["type"] == "user" for namespace in namespaces):
        return known
    for line in _read_text(f"{proc}/status").split("\n"):
        name, _, value = line.partition(":")
        if name in ("CapPrm", "CapBnd"):
            known &= int(value, 16)
    return known


def place_cgroup(config: dict[str, Any], container_id: ContainerId, proc: str) -> CgroupPlacement:
    """Where the container's cgroup goes in each hierarchy of this host, and which directories are missing.

    An absolute cgroupsPath starts at the mount of the hierarchy; a relative one, or none, in the caller's own cgroup
    (v1) or beside it (v2, where a cgroup with processes may have no controlled children), as runc does it.

    Raises:
        FailedPrecondition: no cgroup hierarchy is mounted.
    """
    layout = _layout_of(_read_text(f"{proc}/mountinfo"), _read_text(f"{proc}/cgroup"))
    linux = config.get("linux") or {}
    wanted = linux.get("cgroupsPath") or container_id
    directories = []
    for hierarchy in layout.hierarchies:
        base = hierarchy.own_path
        if layout.mode == "v2":
            base = base.rsplit("/", 1)[0] or "/"
        path = _join(hierarchy.mountpoint, hierarchy.root, base, wanted)
        missing = _missing(path, hierarchy.mountpoint)
        name = "" if hierarchy.is_unified else hierarchy.name
        directory = CgroupDirectory(name, hierarchy.controllers, path, missing)
        if "cpuset" in hierarchy.controllers and missing and not hierarchy.is_unified:
            parent = missing[0].rsplit("/", 1)[0]
            directory.parent_cpus = _read_text(f"{parent}/cpuset.cpus").strip()
            directory.parent_mems = _read_text(f"{parent}/cpuset.mems").strip()
        directories.append(directory)
    if not directories:
        raise FailedPrecondition("no cgroup hierarchy is mounted", hint="mount cgroup2 on /sys/fs/cgroup")
    resources = linux.get("resources") or {}
    delegate = _delegate(layout, directories[0].path, resources) if layout.mode == "v2" else []
    if layout.mode == "v2":
        directories[0].controllers = tuple(_read_text(f"{layout.hierarchies[0].mountpoint}/cgroup.controllers").split())
    elif layout.mode == "hybrid" and resources.get("hugepageLimits"):
        delegate = _delegate_hugetlb(layout, directories)
    return CgroupPlacement(layout.mode, directories, delegate)


def refuse_populated_cgroup(placement: CgroupPlacement) -> None:
    """A cgroup that others use is none for a container: its limits would be theirs, and killing it would end them.

    Raises:
        InvalidArgument: the cgroup exists and has processes in it.
    """
    for directory in placement.directories:
        if not directory.missing and _read_text(f"{directory.path}/cgroup.procs"):
            raise InvalidArgument(
                f"config.json: linux.cgroupsPath: the cgroup {directory.path} has processes already",
                hint="choose a cgroup of its own for the container",
            )


def _layout_of(mountinfo: str, own_cgroups: str) -> CgroupLayout:
    """The layout, remembered: on most hosts it is the same from request to request."""
    key = (mountinfo, own_cgroups)
    layout = _layouts.get(key)
    if layout is None:
        layout = parse_cgroup_layout(mountinfo, own_cgroups)
        _layouts.clear()
        _layouts[key] = layout
    return layout


def refuse_sysctls_of_the_host(config: dict[str, Any], proc: str) -> None:
    """A namespace that is joined by path may be the one that the caller is in: the host's sysctls (CVE-2022-0532).

    Raises:
        InvalidArgument: naming the sysctl.
    """
    linux = config.get("linux") or {}
    sysctls = linux.get("sysctl")
    if not sysctls:
        return
    from orlop.oci.sysctl_name import namespace_of

    paths = {one["type"]: one["path"] for one in linux.get("namespaces") or () if one.get("path")}
    for name in sysctls:
        kind = namespace_of(name)
        if kind in paths and _is_own_namespace(kind, paths[kind], proc):
            raise InvalidArgument(
                f"config.json: linux.sysctl.{name}: {paths[kind]} is the host's own {kind} namespace",
                hint="join another one, or drop the sysctl",
            )


def _is_own_namespace(kind: str, path: str, proc: str) -> bool:
    own = {"network": "net"}.get(kind, kind)
    try:
        theirs, ours = posix.stat(path), posix.stat(f"{proc}/ns/{own}")
    except OSError:
        return False  # joining it will tell what is wrong with it
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)


def recorded_cgroup(paths: dict[str, str]) -> CgroupPlacement:
    """The placement of a container that exists, from the paths in its state."""
    is_v2 = set(paths) == {""}
    directories = []
    for name, path in paths.items():
        controllers = name.split(",") if name else _read_text(f"{path}/cgroup.controllers").split()
        if not name and not is_v2:
            controllers = [one for one in controllers if one == "hugetlb"]  # the one that we look for there
        directories.append(CgroupDirectory(name, controllers, path, ()))
    mode = "v2" if is_v2 else "hybrid" if "" in paths else "v1"
    return CgroupPlacement(mode, directories)


def seccomp_program(section: dict[str, Any] | None, state_root: str, *, keep: bool = True) -> SeccompProgram | None:
    """The filter of `linux.seccomp`, compiled by libseccomp, or from the cache under the state root; None without one.

    The cache's key covers the section, the architecture and the library's version. Only root may write there, and
    without `keep` nothing is written.
    """
    if not section:
        return None
    from orlop.linux.seccomp_cache import compiled_filter

    program, flags = compiled_filter(section, f"{state_root}/.cache/seccomp", keep=keep)
    return SeccompProgram(program, flags)


def home_directory(config: dict[str, Any], bundle: str) -> str:
    """HOME for the user of the process, from the rootfs's own /etc/passwd; "/" when it says nothing.

    Only asked when process.env has no HOME. No link is followed on the way, so no file of the host is read.
    """
    process = config["process"]
    home = "HOME="
    for entry in process.get("env") or ():
        if entry.startswith("HOME="):
            home = entry  # the last one counts
    if home != "HOME=":
        return "/"
    uid = str((process.get("user") or {}).get("uid", 0))
    path = config["root"]["path"]
    rootfs = path if path.startswith("/") else f"{bundle}/{path}"
    for line in _read_passwd(rootfs).split("\n"):
        fields = line.split(":")
        if len(fields) >= 6 and fields[2] == uid and fields[5].startswith("/") and fields[5].isprintable():
            return fields[5]
    return "/"


def _read_passwd(rootfs: str) -> str:
    fds: list[int] = []
    try:
        directory = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC
        fds.append(posix.open(rootfs, directory))
        fds.append(posix.open("etc", directory | posix.O_NOFOLLOW, dir_fd=fds[0]))
        file = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_NONBLOCK
        fds.append(posix.open("passwd", file, dir_fd=fds[1]))
        return posix.read(fds[2], _PASSWD_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        for fd in fds:
            posix.close(fd)


def _join(mountpoint: str, root: str, own_path: str, wanted: str) -> str:
    """The directory of a cgroup: `wanted`, from the mount's root when absolute, else from our own cgroup."""
    if not wanted.startswith("/"):
        below = own_path
        if root != "/" and (own_path == root or own_path.startswith(root + "/")):
            below = own_path[len(root) :]
        wanted = f"{below}/{wanted}"
    return "/".join([mountpoint, *(part for part in wanted.split("/") if part and part != ".")])


def _missing(path: str, mountpoint: str) -> list[str]:
    """The directories to make, outermost first."""
    missing: list[str] = []
    while len(path) > len(mountpoint):
        try:
            posix.stat(path)
            break
        except FileNotFoundError:
            missing.insert(0, path)
            path = path.rsplit("/", 1)[0]
    return missing


def _delegate(layout: CgroupLayout, path: str, resources: dict[str, Any]) -> list[tuple[str, str]]:
    """v2: the controllers that the limits need, in the subtree_control of every ancestor that lacks them."""
    mountpoint = layout.hierarchies[0].mountpoint
    available = _read_text(f"{mountpoint}/cgroup.controllers").split()
    return _subtree_writes(mountpoint, path, [one for one in available if _is_wanted(one, resources)])


def _delegate_hugetlb(layout: CgroupLayout, directories: list[CgroupDirectory]) -> list[tuple[str, str]]:
    """hybrid: the same for the controller of huge pages, if it is in the unified hierarchy."""
    for hierarchy, directory in zip(layout.hierarchies, directories, strict=True):
        if hierarchy.is_unified and "hugetlb" in _read_text(f"{hierarchy.mountpoint}/cgroup.controllers").split():
            directory.controllers = ("hugetlb",)
            return _subtree_writes(hierarchy.mountpoint, directory.path, ("hugetlb",))
    return []


def _subtree_writes(mountpoint: str, path: str, wanted: Iterable[str]) -> list[tuple[str, str]]:
    writes: list[tuple[str, str]] = []
    ancestor = mountpoint
    for part in path[len(mountpoint) :].strip("/").split("/"):
        enabled = _read_text(f"{ancestor}/cgroup.subtree_control").split()
        writes.extend(
            (f"{ancestor}/cgroup.subtree_control", controller) for controller in wanted if controller not in enabled
        )
        ancestor = f"{ancestor}/{part}"
    return writes


def _is_wanted(controller: str, resources: dict[str, Any]) -> bool:
    # memory and pids are always wanted: `events` and `ps` of every container are answered from them.
    field = "hugepageLimits" if controller == "hugetlb" else controller
    return controller in ("memory", "pids", "cpu", "cpuset", "io") or bool(resources.get(field))


def _read_text(path: str) -> str:
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return ""
    try:
        data = b""
        while part := posix.read(fd, 65536):
            data += part
        return data.decode("utf-8", "surrogateescape")
    finally:
        posix.close(fd)
