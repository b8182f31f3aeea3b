"""Whether a mount is still there for anybody: in the mount table of this process, or in that of any other one.

A container has the mounts of the directory that became its root in a mount namespace of its own. When the host
unmounts the directory, they stay there.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .mountinfo import parse_mountinfo

if TYPE_CHECKING:
    from .mountinfo import Mount

_DIRECTORIES = ("lowerdir", "upperdir", "workdir", "datadir")  # overlayfs's, also with a + for one of several


@dataclass(frozen=True, slots=True)
class MountIdentity:
    """What says of two mounts that they show the same.

    The kernel gives the numbers of devices without a disk anew within seconds, so `made_of` tells apart those that had
    one after the other.
    """

    device: str  # major:minor
    root: str  # which directory of it
    made_of: str  # a hash of the source, and of overlayfs's directories


def mount_at(place: str) -> MountIdentity | None:
    """What is mounted at a place for this process, uppermost; None where nothing is."""
    found = None
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for mount in parse_mountinfo(file.read()):
            if mount.mountpoint == place:
                found = MountIdentity(mount.device, mount.root, _made_of(mount))
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
        if any(_is_of(mount, identity) for mount in mounts):
            return True
    return False


def _is_of(mount: Mount, identity: MountIdentity) -> bool:
    is_there = mount.device == identity.device and _is_in(mount.root, identity.root)
    return is_there and _made_of(mount) == identity.made_of


def _made_of(mount: Mount) -> str:
    """Not of all options: whether a file system is read-only, for one, may change while it is mounted."""
    directories = [one for one in mount.super_options if one.partition("=")[0].rstrip("+") in _DIRECTORIES]
    words = "\0".join((mount.filesystem_type, mount.source, *directories))
    return hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest()


def _is_in(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
