"""Root file systems of images where users want them: unpacked if need be, and mounted at a directory of the host."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, InvalidArgument, NotFound, OrlopError
from orlop.linux.mount_users import MountIdentity, is_mounted_anywhere, mount_at, mount_namespace
from orlop.snapshot.contract import Kind
from orlop.snapshot.mounting import mount_all, mounted, unmount
from orlop.snapshot.overlay import boot_id

from .contract import GC_ROOT, Watcher
from .layers import LayerWork
from .unpacking import Unpacked, unpack_image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.snapshot.contract import Snapshotter

    from .contract import Stores
    from .documents import Chosen
    from .layers import Unpack


async def ensure_unpacked(
    stores: Stores,
    chosen: Chosen,
    snapshotters: Sequence[str],
    unpack: Unpack,
    *,
    lease_id: str,
    watcher: Watcher | None = None,
    at_once: int = 3,
) -> Unpacked:
    """Have the snapshot of an image that is in the store, in the first of the snapshotters that can hold it.

    Raises:
        NotFound: a layer is not in the store.
        FailedPrecondition: a layer is not what its diff id says.
    """
    content = stores.content(lease_id=lease_id)
    work = LayerWork(content, None, watcher=watcher or Watcher(), at_once=at_once)
    return await unpack_image(work, chosen, stores, snapshotters, unpack, lease_id=lease_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedImage:
    """Where an image was mounted. `is_mounted` says whether something is, here and now."""

    image: str  # its name at that time; "" where none was told
    target: Path
    snapshotter: str
    is_writable: bool
    is_mounted: bool


def mount_snapshot(snapshotter: Snapshotter, name: str, target: Path, *, is_writable: bool, image: str = "") -> None:
    """Mount a committed snapshot, or a new writable one on top of it, at a directory; `image` is the name for lists.

    It stays until `unmount_snapshot`, whatever a collection does.

    Raises:
        AlreadyExists: an image is mounted there.
        KernelError: the mount fails; nothing is left then.
    """
    key, labels = _key(target), {GC_ROOT: "mounted"} | ({_IMAGE: image} if image else {})
    try:
        if is_writable:
            mounts = snapshotter.prepare(key, name, labels=labels)
        else:
            mounts = snapshotter.view(key, name, labels=labels)
    except AlreadyExists as err:
        is_there = "is" if mounted(target) else "was, before a restart or somebody's umount,"
        raise AlreadyExists(
            f"{target}: an image {is_there} mounted there", hint=f"orlop image unmount {target}"
        ) from err
    try:
        mount_all(mounts, target)
    except BaseException as error:
        try:
            snapshotter.remove(key)
        except OrlopError as second:
            error.add_note(f"and its snapshot is still there: {second}")
        raise
    if identity := mount_at(str(target.resolve())):
        with suppress(InvalidArgument):  # a store so deep that its path is too long for a label
            snapshotter.update_labels(key, _of_mount(identity))


def unmount_snapshot(snapshotter: Snapshotter, target: Path) -> None:
    """Undo `mount_snapshot`; what was written there is lost. A mount that went by itself, with a restart, is no error.

    Raises:
        NotFound: no image is mounted there.
        KernelError: somebody uses it (EBUSY).
    """
    key = _key(target)
    try:
        snapshotter.info(key)
    except NotFound:
        raise NotFound(f"{target}: no image of this namespace and snapshotter is mounted there") from None
    if mounted(target):
        unmount(target)
    snapshotter.remove(key)


def mounted_images(snapshotter: Snapshotter) -> list[MountedImage]:
    """The directories at which images are mounted, or were before a restart: their layers are held until `unmount`."""
    found = []
    for info in snapshotter.walk():
        if info.name.startswith(_PREFIX):
            target = Path(info.name.removeprefix(_PREFIX))
            found.append(
                MountedImage(
                    image=info.labels.get(_IMAGE, ""),
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
        boot, namespace, device, root = (labels[key] for key in _OF_MOUNT)
    except KeyError:  # it is being made
        return False
    if boot != boot_id():
        return True
    return namespace == mount_namespace() and not is_mounted_anywhere(MountIdentity(device, root))


def _of_mount(identity: MountIdentity) -> dict[str, str]:
    values = (boot_id(), mount_namespace(), identity.device, identity.root)
    return dict(zip(_OF_MOUNT, values, strict=True))


_PREFIX = "mount "
_IMAGE = "orlop/mount.image"
_OF_MOUNT = ("orlop/mount.boot", "orlop/mount.namespace", "orlop/mount.device", "orlop/mount.root")


def _key(target: Path) -> str:
    return f"{_PREFIX}{target.resolve()}"
