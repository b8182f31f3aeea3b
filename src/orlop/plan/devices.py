"""Device nodes and links in the container's /dev (config-linux.md, "Devices" and "Default Devices")."""

from __future__ import annotations

from _stat import S_IFBLK, S_IFCHR, S_IFIFO
from errno import EACCES, EEXIST, EPERM
from posix import makedev

from orlop.linux.devices import DEFAULT_DEVICES
from orlop.linux.flags import OPEN_TREE_CLONE
from orlop.plan.builder import u32_blob
from orlop.plan.operations import TARGET_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.builder import Plan
    from orlop.plan.mounts import MountCompiler

_KIND = {"c": S_IFCHR, "u": S_IFCHR, "b": S_IFBLK, "p": S_IFIFO}

_LINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
)

_HINTS = {
    EEXIST: "the rootfs has something else at this path",
    EPERM: "device nodes need CAP_MKNOD outside of a user namespace",
    EACCES: "the device cgroup of the caller forbids it",
}


def make_devices(plan: Plan, mounts: MountCompiler, linux: dict[str, Any], *, in_user_namespace: bool) -> None:
    """The default devices, those of the configuration (which win over a default of the same path), and the links."""
    wanted: dict[str, tuple[str, dict[str, Any]]] = {
        device["path"]: ("linux.devices (default)", device) for device in DEFAULT_DEVICES
    }
    for index, device in enumerate(linux.get("devices") or ()):
        wanted[device["path"]] = (f"linux.devices[{index}] ({device['path']})", device)
    for path, (field, device) in wanted.items():
        if in_user_namespace:
            _bind_device(plan, mounts, field, path)
        else:
            _make_node(plan, mounts.root, field, path, device)
    inner = plan.inner
    inner.about("linux.devices (default)")
    for link, target in _LINKS:
        inner.add("symlink", at=mounts.root, s0=link, s1=target)


def _make_node(plan: Plan, root: int, field: str, path: str, device: dict[str, Any]) -> None:
    kind = _KIND[device["type"]]
    mode = device.get("fileMode", 0o666) & 0o7777 | kind
    number = 0 if kind == S_IFIFO else makedev(device["major"], device["minor"])
    plan.inner.about(field, _HINTS)
    uid, gid = device.get("uid", 0), device.get("gid", 0)
    owner = u32_blob(uid, gid) if uid or gid else b""
    plan.inner.add("mknod", at=root, s0=path, n0=mode, n1=number, blob=owner)


def _bind_device(plan: Plan, mounts: MountCompiler, field: str, path: str) -> None:
    """In a user namespace mknod is not possible: the host's node is bound instead."""
    slot = plan.slot()
    plan.outer.about(field, {2: f"the host has no {path}"})
    plan.outer.add("open_tree", fd=slot, s0=path, n0=OPEN_TREE_CLONE)
    mounts.attach(field, slot, path, missing=TARGET_FILE)
    plan.inner.add("close", fd=slot)
