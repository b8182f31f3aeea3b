"""Where images are mounted, as the snapshots of their mounts say: a key for each directory, and labels of the mount."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import NotFound
from orlop.linux.mount_users import MountIdentity, is_mounted_anywhere, mount_namespace
from orlop.snapshot.contract import Kind
from orlop.snapshot.mounting import mounted
from orlop.snapshot.overlay import boot_id

from .contract import GC_ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.snapshot.contract import Snapshotter

_PREFIX = "mount "
IMAGE_LABEL = "orlop/mount.image"
_OF_MOUNT = ("orlop/mount.boot", "orlop/mount.namespace", "orlop/mount.device", "orlop/mount.root", "orlop/mount.of")


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedImage:
    """Where an image was mounted. `is_mounted` says whether something is, here and now."""

    image: str  # its name at that time; "" where none was told
    target: Path
    snapshotter: str
    is_writable: bool
    is_mounted: bool


def mounted_images(snapshotter: Snapshotter) -> list[MountedImage]:
    """The directories at which images are mounted, or were before a restart: their layers are held until `unmount`."""
    found = []
    for info in snapshotter.walk():
        if info.name.startswith(_PREFIX):
            target = Path(info.name.removeprefix(_PREFIX))
            found.append(
                MountedImage(
                    image=info.labels.get(IMAGE_LABEL, ""),
                    target=target,
                    snapshotter=snapshotter.name,
                    is_writable=info.kind is Kind.ACTIVE,
                    is_mounted=mounted(target),
                )
            )
    return sorted(found, key=lambda one: one.target)


def forget_ended_mounts(snapshotter: Snapshotter) -> None:
    """Let the next collection have the snapshots of mounts that a restart or somebody's umount has ended.

    A mount counts as ended after a restart; else only for a process of the mount namespace that it was made in, and
    only where no process has it in another one, as a container has its root file system.
    """
    for info in list(snapshotter.walk()):
        if info.name.startswith(_PREFIX) and _has_ended(info.labels):
            with suppress(NotFound):  # it was unmounted just now
                snapshotter.update_labels(info.name, {GC_ROOT: None})


def _has_ended(labels: Mapping[str, str]) -> bool:
    try:
        boot, namespace, device, root, made_of = (labels[key] for key in _OF_MOUNT)
    except KeyError:  # it is being made
        return False
    if boot != boot_id():
        return True
    return namespace == mount_namespace() and not is_mounted_anywhere(MountIdentity(device, root, made_of))


def of_mount(identity: MountIdentity) -> dict[str, str]:
    """The labels of a snapshot that is mounted, by which it is found out whether it still is."""
    values = (boot_id(), mount_namespace(), identity.device, identity.root, identity.made_of)
    return dict(zip(_OF_MOUNT, values, strict=True))


def mount_key(target: Path) -> str:
    """The key of the snapshot that is mounted at a directory."""
    return f"{_PREFIX}{target.resolve()}"
