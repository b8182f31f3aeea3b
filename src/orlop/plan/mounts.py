"""Mounts of the configuration: made or opened one by one, in their order, and attached by fd.

A source is opened as a detached mount (`open_tree`): in the container's mount namespace, while the root is still the
host's, because Linux 6.8 and newer list mounts in the order in which they were made, and a list that has a mount before
the one that it is on misleads who unmounts from the end. With a user namespace it is opened before the clone, so that
no rights are needed on the way to it; with a shared root too, as the copies inside have left the host's peer groups.

A target is resolved beneath the root's fd, so a link in the rootfs cannot lead out (CVE-2021-30465, CVE-2023-27561,
CVE-2024-45310). /proc, /sys and /dev are refused behind a link (CVE-2019-19921, CVE-2023-28642, CVE-2026-41579).
"""

from __future__ import annotations

from errno import EACCES, EBUSY, EINVAL, ELOOP, ENODEV, ENOENT, ENOTDIR, EPERM

from orlop.errors import InvalidArgument
from orlop.linux.flags import (
    AT_RECURSIVE,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
    OPEN_TREE_CLONE,
)
from orlop.linux.mount_options import MountOptions, parse_mount_options
from orlop.oci.field_checks import shown
from orlop.plan.builder import u64_blob
from orlop.plan.mount_order import devices_after, postponed_mounts
from orlop.plan.operations import (
    NO_SYMLINKS,
    TARGET_DIRECTORY,
    TARGET_LIKE_SOURCE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from orlop.plan.builder import Plan, Section
    from orlop.plan.cgroups import CgroupPlacement

PROC_SUPER_MAGIC = 0x9FA0

# What may be bound over below /proc: what lxcfs offers, as runc lets through; anything else could fake /proc
# (runc#2647).
_PROC_FILES = frozenset(
    "/proc/" + name
    for name in ("cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo",
                 "net/dev", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled")
)  # fmt: skip

# File systems whose superblock is the kernel's own or shared with the host: `ro` is the mount's attribute only.
_KERNEL_FILE_SYSTEMS = frozenset(
    ("proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "devtmpfs", "debugfs", "tracefs", "bpf",
     "securityfs", "ramfs", "hugetlbfs", "binfmt_misc", "pstore", "efivarfs", "configfs", "fusectl")
)  # fmt: skip

_PROPAGATION_OF_ROOT = {
    "": MS_SLAVE | MS_REC,
    "slave": MS_SLAVE,
    "rslave": MS_SLAVE | MS_REC,
    "private": MS_PRIVATE,
    "rprivate": MS_PRIVATE | MS_REC,
    "shared": MS_SHARED,
    "rshared": MS_SHARED | MS_REC,
    "unbindable": MS_UNBINDABLE,
    "runbindable": MS_UNBINDABLE | MS_REC,
}

# File systems that do not look at the network namespace of who mounts them.
_WITHOUT_NETWORK = frozenset(("proc", "tmpfs", "devpts", "mqueue", "cgroup2"))

_TARGET_HINTS = {
    ELOOP: "a symbolic link stands where a directory must be, or links go round",
    ENOTDIR: "the rootfs has a file where a directory must be",
    ENOENT: "the rootfs lacks it and it cannot be made",
}


def root_propagation(linux: dict[str, Any]) -> int:
    """The MS_* propagation flags that `linux.rootfsPropagation` names; slave, recursively, when it is not set."""
    return _PROPAGATION_OF_ROOT[linux.get("rootfsPropagation") or ""]


def source_propagation(linux: dict[str, Any]) -> int:
    """What a copy of a host mount must become at once, so that nothing mounted in the container reaches the host.

    0 where the configuration asks for a shared root: then the copies stay in the host's peer groups.
    """
    if is_root_shared(linux):
        return 0
    flags = root_propagation(linux)
    return MS_PRIVATE if flags & (MS_PRIVATE | MS_UNBINDABLE) else MS_SLAVE


def is_root_shared(linux: dict[str, Any]) -> bool:
    """Whether mounts in the container are to reach the host."""
    return bool(root_propagation(linux) & MS_SHARED)


def attributes_blob(attr_set: int, attr_clr: int = 0, propagation: int = 0) -> bytes:
    """A struct mount_attr (mount_setattr(2))."""
    return u64_blob(attr_set, attr_clr, propagation, 0)


class MountCompiler:
    """Writes the mounts of one container into its plan. `root` is the slot of the container's root."""

    __slots__ = (
        "_bundle",
        "_cgroups",
        "_enter_cgroup",
        "_enter_network",
        "_later",
        "_linux",
        "_plan",
        "_postponed",
        "_source",
        "_sources",
        "_target",
        "root",
    )

    def __init__(
        self,
        plan: Plan,
        linux: dict[str, Any],
        *,
        bundle: str,
        cgroups: CgroupPlacement,
        enter_cgroup: Callable[[], None],
        enter_network: Callable[[], None],
        opens_sources_inside: bool,
    ) -> None:
        self._plan = plan
        self._linux = linux
        self._bundle = bundle
        self._cgroups = cgroups
        self._enter_cgroup: Callable[[], None] | None = enter_cgroup
        self._enter_network = enter_network
        self._postponed: list[tuple[int, dict[str, Any], str]] = []
        self._sources: Section = plan.inner if opens_sources_inside else plan.outer
        self._source = -1
        self._target = plan.slot()
        self._later: list[tuple[str, int]] = []
        self.root = plan.slot()

    def compile(
        self,
        mounts: list[dict[str, Any]],
        *,
        make_devices: Callable[[], None] | None,
        postponable: Sequence[str] | None,
    ) -> None:
        """All mounts, in the order of the configuration (config.md, "Mounts"), and the devices once /dev is complete.

        Those that show the cgroup wait for `complete`, where the order allows it with regard to the paths that will be
        hidden (`postponable`; None: nothing may wait).
        """
        paths = [clean_destination(mount["destination"]) for mount in mounts]
        waiting = frozenset() if postponable is None else postponed_mounts(mounts, paths, postponable)
        last_of_dev = devices_after(paths)
        if make_devices and last_of_dev < 0:
            make_devices()
        for index, (mount, path) in enumerate(zip(mounts, paths, strict=True)):
            if index in waiting:
                self._postponed.append((index, mount, path))
            else:
                self._mount(index, mount, path)
            if make_devices and index == last_of_dev:
                make_devices()

    def complete(self) -> None:
        """What was postponed; from here on init is in its cgroup and in its network namespace."""
        self._enter_network()
        self.join_cgroup()
        for index, mount, path in self._postponed:
            self._mount(index, mount, path)
        self._postponed = []

    def _mount(self, index: int, mount: dict[str, Any], path: str) -> None:
        options = parse_mount_options(mount.get("options") or ())
        field = f"mounts[{index}] ({path})"
        kind = mount.get("type") or ""
        if mount["destination"][0] != "/":
            relative = shown(mount["destination"])
            self._plan.warnings.append(f"mounts[{index}].destination: {relative} is not absolute, and taken as {path}")
        self._check_destination(index, path, kind, is_bind=options.is_bind)
        if options.is_bind or kind == "bind":
            if options.data:
                # As mount(2) does: a file system that is mounted already stays as it is.
                ignored = ", ".join(shown(option) for option in options.data)
                self._plan.warnings.append(f"mounts[{index}].options: no effect on a bind mount: {ignored}")
            self._bind(field, mount, path, options)
        elif kind == "cgroup":
            self._cgroup(field, path, options)
        else:
            if kind == "cgroup2":
                self.join_cgroup()  # it shows the cgroup namespace of the moment in which it is made
            if kind not in _WITHOUT_NETWORK:
                self._enter_network()  # as sysfs does with the network namespace
            self._file_system(field, mount, kind, path, options)

    def join_cgroup(self) -> None:
        """Move into the cgroup, once: before what shows it, and before what could cost much memory."""
        if self._enter_cgroup is not None:
            self._enter_cgroup()
            self._enter_cgroup = None

    def finish(self) -> None:
        """What had to wait until everything was mounted below: read-only tmpfs mounts become read-only."""
        for field, slot in self._later:
            self._plan.inner.about(field)
            self._plan.inner.add("mount_setattr", fd=slot, blob=attributes_blob(MOUNT_ATTR_RDONLY))

    def attach(self, field: str, mount: int, path: str, *, missing: int = TARGET_DIRECTORY, flags: int = 0) -> None:
        """Attach a detached mount at a path of the container."""
        inner = self._plan.inner
        inner.about(field, _TARGET_HINTS)
        inner.add("target", fd=self._target, at=self.root, s0=path, n0=0o755, n1=missing, flags=flags)
        if path != "/proc" and path not in _PROC_FILES:
            # A link in the rootfs must not bring a mount into /proc, where it could fake what the kernel says.
            inner.add("verify_filesystem", fd=self._target, n0=PROC_SUPER_MAGIC, n1=1)
        inner.about(field, {EBUSY: "it is the container's root", EINVAL: "the mount cannot be attached there"})
        inner.add("move_mount", fd=mount, at=self._target, s0=path)

    def _check_destination(self, index: int, path: str, kind: str, *, is_bind: bool) -> None:
        if path == "/":
            raise InvalidArgument(
                f'config.json: mounts[{index}].destination: "/" is the container\'s root',
                hint="set root.path instead",
            )
        if path == "/proc" and not is_bind and kind not in ("proc", "bind"):
            raise InvalidArgument(
                f'config.json: mounts[{index}].destination: "/proc" is for a procfs, and this is "{kind}"',
                hint="mount it elsewhere",
            )
        if path.startswith("/proc/") and path not in _PROC_FILES and not (kind == "proc" and not is_bind):
            raise InvalidArgument(
                f'config.json: mounts[{index}].destination: "{path}" is inside /proc, where a mount could fake what the'
                " kernel says",
                hint="mount it elsewhere",
            )

    def _bind(self, field: str, mount: dict[str, Any], path: str, options: MountOptions) -> None:
        source = mount.get("source") or ""
        host_path = source if source.startswith("/") else f"{self._bundle}/{source}"
        sources = self._sources
        # Inside, one is opened after the other is attached, and outside all of them wait for the clone.
        if self._source < 0 or sources is self._plan.outer:
            self._source = self._plan.slot(field)
        slot = self._source
        sources.about(
            field,
            {
                ENOENT: f"create {host_path} on the host or drop the mount",
                EACCES: f"{host_path} is not accessible to this user",
                EINVAL: f"{host_path} is an unbindable mount",
            },
        )
        recursive = AT_RECURSIVE if options.is_recursive_bind else 0
        sources.add("open_tree", fd=slot, s0=host_path, n0=OPEN_TREE_CLONE | recursive)
        isolation = source_propagation(self._linux)
        if isolation:
            sources.add("mount_setattr", fd=slot, n0=AT_RECURSIVE, blob=attributes_blob(0, 0, isolation))
        if path == "/proc":
            sources.add("verify_filesystem", fd=slot, n0=PROC_SUPER_MAGIC)
        # The attributes go on while the mount is detached: there is no moment in which it is attached and writable.
        self._attributes(sources, field, slot, options)
        self.attach(field, slot, path, missing=TARGET_LIKE_SOURCE | slot << 8, flags=_link_rule(path))
        self._plan.inner.add("close", fd=slot)

    def _attributes(self, section: Section, field: str, slot: int, options: MountOptions) -> None:
        section.about(field, {EPERM: "the flag is locked by the mount that it comes from"})
        if options.attr_set or options.attr_clr:
            section.add("mount_setattr", fd=slot, blob=attributes_blob(options.attr_set, options.attr_clr))
        if options.rec_attr_set or options.rec_attr_clr:
            blob = attributes_blob(options.rec_attr_set, options.rec_attr_clr)
            section.add("mount_setattr", fd=slot, n0=AT_RECURSIVE, blob=blob)
        for flags in options.propagation:
            blob = attributes_blob(0, 0, flags & ~MS_REC)
            section.add("mount_setattr", fd=slot, n0=AT_RECURSIVE if flags & MS_REC else 0, blob=blob)

    def _file_system(self, field: str, mount: dict[str, Any], kind: str, path: str, options: MountOptions) -> None:
        if not kind:
            raise InvalidArgument(f"config.json: {field}: a mount that is no bind mount needs a type", hint="set type")
        inner = self._plan.inner
        data = list(options.data)
        if kind not in _KERNEL_FILE_SYSTEMS:
            data.extend(options.superblock_flags)
        slot = self._plan.slot(field)
        attributes = options.attr_set
        if kind == "tmpfs" and attributes & MOUNT_ATTR_RDONLY:
            attributes &= ~MOUNT_ATTR_RDONLY  # later mounts, devices and links may have to be made in it
            self._later.append((field, slot))
        inner.about(
            field,
            {
                ENODEV: f'this kernel has no file system "{kind}"',
                EINVAL: "an option is wrong for this file system",
                EPERM: f'"{kind}" cannot be mounted with these namespaces',
            },
        )
        blob = "".join(f"{option}\0" for option in data).encode()
        inner.add("new_mount", fd=slot, s0=kind, s1=mount.get("source") or kind, blob=blob, n0=attributes)
        flags = _link_rule(path)
        if options.tmpcopyup and kind == "tmpfs":
            self.join_cgroup()
            inner.about(field, _TARGET_HINTS)
            inner.add("target", fd=self._target, at=self.root, s0=path, n0=0o755, n1=TARGET_DIRECTORY, flags=flags)
            inner.about(field)
            inner.add("copy_tree", fd=self._target, at=slot)
        elif kind == "tmpfs" and not any(option.startswith("mode=") for option in data):
            # As runc: over a directory of mode 700 the kernel's 1777 would be an open door.
            inner.about(field, _TARGET_HINTS)
            inner.add("inherit_mode", fd=slot, at=self.root, s0=path, flags=flags)
        self.attach(field, slot, path, flags=flags)
        self._options_after(field, slot, options)
        if not self._later or self._later[-1][1] != slot:
            inner.add("close", fd=slot)

    def _options_after(self, field: str, slot: int, options: MountOptions) -> None:
        rest = MountOptions()
        rest.rec_attr_set, rest.rec_attr_clr = options.rec_attr_set, options.rec_attr_clr
        rest.propagation = options.propagation
        self._attributes(self._plan.inner, field, slot, rest)

    def _cgroup(self, field: str, path: str, options: MountOptions) -> None:
        """The container's own cgroup directories, bound; with a cgroup namespace they look like the hierarchy's root.

        A bind mount instead of a new cgroup mount: it takes no lock of the cgroup core, and without a cgroup namespace
        the container still sees no cgroup but its own (CVE-2023-25809).
        """
        self.join_cgroup()
        inner = self._plan.inner
        isolation = source_propagation(self._linux) or MS_SLAVE
        if self._cgroups.mode == "v2":
            slot = self._open_cgroup(field, self._cgroups.directories[0].path)
            inner.add("mount_setattr", fd=slot, blob=attributes_blob(options.attr_set, 0, isolation))
            self.attach(field, slot, path, flags=_link_rule(path))
            self._options_after(field, slot, options)
            return
        tmpfs = self._plan.slot(field)
        inner.about(field)
        attributes = options.attr_set & ~MOUNT_ATTR_RDONLY
        inner.add("new_mount", fd=tmpfs, s0="tmpfs", s1="tmpfs", blob=b"mode=755\0", n0=attributes)
        trees = []
        for directory in self._cgroups.directories:
            if not directory.hierarchy:
                continue
            name = directory.hierarchy.removeprefix("name=")
            trees.append((name, self._open_cgroup(field, directory.path)))
            inner.add("mkdir", at=tmpfs, s0=name, n0=0o755)
            for controller in directory.controllers:
                if controller != name:
                    inner.add("symlink", at=tmpfs, s0=controller, s1=name)
        self.attach(field, tmpfs, path, flags=_link_rule(path))
        inner.about(field)
        for name, slot in trees:
            inner.add("move_mount", fd=slot, at=tmpfs, s0=f"{path}/{name}", s1=name)
        # All of them at once; nothing of the container's runs yet.
        blob = attributes_blob(options.attr_set, 0, isolation)
        inner.add("mount_setattr", fd=tmpfs, n0=AT_RECURSIVE, blob=blob)
        self._options_after(field, tmpfs, options)

    def _open_cgroup(self, field: str, directory: str) -> int:
        """The container's directory in one hierarchy as a detached mount. Requires: the child joined the cgroup."""
        slot = self._plan.slot(field)
        self._plan.inner.about(field)
        self._plan.inner.add("open_tree", fd=slot, s0=directory, n0=OPEN_TREE_CLONE)
        return slot


def clean_destination(destination: str) -> str:
    """The destination as an absolute path without `.`, `..` and doubled slashes; a relative one starts at `/`."""
    parts: list[str] = []
    for part in destination.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def _link_rule(path: str) -> int:
    return NO_SYMLINKS if path in ("/proc", "/sys", "/dev") else 0


def is_dev_bound(mounts: list[dict[str, Any]]) -> bool:
    """Whether the host's /dev (or another directory) is bound to /dev: then its content is not ours to make."""
    for mount in mounts:
        options = mount.get("options") or ()
        is_bind = mount.get("type") == "bind" or "bind" in options or "rbind" in options
        if is_bind and clean_destination(mount["destination"]) == "/dev":
            return True
    return False
