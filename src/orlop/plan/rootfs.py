"""The root file system: its mount, what is hidden or read-only in it, and the change of root."""

from __future__ import annotations

from _stat import S_IFCHR
from errno import EINVAL, ENOENT, ENOTDIR
from posix import O_DIRECTORY

from orlop.linux.flags import (
    AT_RECURSIVE,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    O_PATH,
    OPEN_TREE_CLONE,
)
from orlop.plan.mounts import attributes_blob, root_propagation, source_propagation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.plan.builder import Plan, Section

_NULL_DEVICE = 1 << 8 | 3  # makedev(1, 3)


def open_rootfs(sources: Section, linux: dict[str, Any], path: str, slot: int) -> None:
    """Open the rootfs as a detached mount, cut off from the host's propagation.

    Where a shared root was asked for, the topmost mount alone, which becomes shared in a peer group of its own: as a
    peer of the host's it would show the host every mount of the container, and pivot_root would refuse it.
    """
    sources.about(
        f"root.path ({path})",
        {
            ENOENT: f"create {path} or correct root.path",
            ENOTDIR: "it must be a directory",
            EINVAL: "it cannot be bound",
        },
    )
    sources.add("open_tree", fd=slot, s0=path, n0=OPEN_TREE_CLONE | AT_RECURSIVE)
    isolation = source_propagation(linux)
    if isolation:
        sources.add("mount_setattr", fd=slot, n0=AT_RECURSIVE, blob=attributes_blob(0, 0, isolation))
    else:
        sources.add("mount_setattr", fd=slot, blob=attributes_blob(0, 0, MS_PRIVATE))


def cut_propagation(inner: Section, linux: dict[str, Any]) -> None:
    """Make the copied mounts of the host slaves (or private), so that no mount of ours shows up there.

    Also with a shared root: pivot_root refuses a parent that is shared, and the copies that matter keep their peers.
    """
    inner.about("linux.rootfsPropagation")
    flags = root_propagation(linux) & ~(MS_SHARED | MS_REC)
    inner.add("propagation", s0="/", n0=(MS_PRIVATE if flags & MS_PRIVATE else MS_SLAVE) | MS_REC)


def attach_rootfs(plan: Plan, path: str, slot: int) -> None:
    """Attach the rootfs over its own directory; `slot` is the container's root from here on."""
    inner = plan.inner
    target = plan.slot()
    inner.about(f"root.path ({path})")
    inner.add("open", fd=target, s0=path, n0=O_PATH | O_DIRECTORY)
    inner.add("move_mount", fd=slot, at=target, s0=path)
    inner.add("close", fd=target)


def hide_paths(plan: Plan, linux: dict[str, Any], root: int) -> None:
    """Masked and read-only paths. Before the change of root, while the host's /dev/null can still be bound.

    The null device is opened from the host and verified by its number, never looked up in the rootfs (CVE-2025-31133).
    """
    inner = plan.inner
    masked = linux.get("maskedPaths") or ()
    if masked:
        null, tmpfs = plan.slot(), plan.slot()
        inner.about("linux.maskedPaths")
        inner.add("open", fd=null, s0="/dev/null", n0=O_PATH)
        inner.add("verify_device", fd=null, n0=_NULL_DEVICE, n1=S_IFCHR)
        for index, path in enumerate(masked):
            inner.about(f"linux.maskedPaths[{index}] ({path})")
            inner.add("mask", fd=null, at=root, s0=path, n0=tmpfs)
    for index, path in enumerate(linux.get("readonlyPaths") or ()):
        inner.about(f"linux.readonlyPaths[{index}] ({path})")
        inner.add("readonly", at=root, s0=path)


def seal_root(inner: Section, root_config: dict[str, Any], root: int) -> None:
    """Make the root read-only if it was asked for: the last thing done to it."""
    if root_config.get("readonly"):
        inner.about("root.readonly")
        inner.add("mount_setattr", fd=root, blob=attributes_blob(MOUNT_ATTR_RDONLY))


def change_root(inner: Section, linux: dict[str, Any], root: int, *, no_pivot: bool) -> None:
    """From here on the host's paths are gone."""
    inner.about("root.path", {EINVAL: "the root is on the initial ramfs; use --no-pivot"})
    inner.add("pivot_root", at=root, n0=int(no_pivot))
    if linux.get("rootfsPropagation"):
        inner.about("linux.rootfsPropagation")
        inner.add("propagation", s0="/", n0=root_propagation(linux))
