"""Whether a mount is still there for anybody: in the mount table of this process, or in that of any other one.

A container has the mounts of the directory that became its root in a mount namespace of its own. When the host
unmounts the directory, they stay there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from .mountinfo import parse_mountinfo


@dataclass(frozen=True, slots=True)
class MountIdentity:
    """What says of two mounts that they show the same: the device, and which directory of it."""

    device: str  # major:minor
    root: str


def mount_at(place: str) -> MountIdentity | None:
    """What is mounted at a place for this process, uppermost; None where nothing is."""
    found = None
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for mount in parse_mountinfo(file.read()):
            if mount.mountpoint == place:
                found = MountIdentity(mount.device, mount.root)
    return found


def mount_namespace() -> str:
    """The mount namespace of this process, as the kernel numbers them."""
    return os.readlink("/proc/self/ns/mnt")


def is_mounted_anywhere(identity: MountIdentity) -> bool:
    """Whether a process that this one may look at has such a mount, or one of a directory below it."""
    seen: set[str] = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            namespace = os.readlink(f"/proc/{pid}/ns/mnt")
            if namespace in seen:
                continue
            with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
                mounts = parse_mountinfo(file.read())
        except OSError:  # it ended while it was looked at; or it may do more than this one, as the host's init
            continue
        seen.add(namespace)
        if any(one.device == identity.device and _is_in(one.root, identity.root) for one in mounts):
            return True
    return False


def _is_in(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
