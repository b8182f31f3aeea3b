"""Root file systems of images where users want them: unpacked if need be, and mounted at a directory of the host."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, InvalidArgument, NotFound, OrlopError
from orlop.linux.mount_users import mount_at
from orlop.snapshot.mounting import mount_all, mounted, unmount

from .contract import GC_ROOT, Watcher
from .layers import LayerWork
from .mount_records import IMAGE_LABEL, mount_key, of_mount
from .unpacking import Unpacked, unpack_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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


def mount_snapshot(snapshotter: Snapshotter, name: str, target: Path, *, is_writable: bool, image: str = "") -> None:
    """Mount a committed snapshot, or a new writable one on top of it, at a directory; `image` is the name for lists.

    It stays until `unmount_snapshot`, whatever a collection does.

    Raises:
        AlreadyExists: an image is mounted there.
        KernelError: the mount fails; nothing is left then.
    """
    key, labels = mount_key(target), {GC_ROOT: "mounted"} | ({IMAGE_LABEL: image} if image else {})
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
            snapshotter.update_labels(key, of_mount(identity))


def unmount_snapshot(snapshotter: Snapshotter, target: Path) -> None:
    """Undo `mount_snapshot`; what was written there is lost. A mount that went by itself, with a restart, is no error.

    Raises:
        NotFound: no image is mounted there.
        KernelError: somebody uses it (EBUSY).
    """
    key = mount_key(target)
    try:
        snapshotter.info(key)
    except NotFound:
        raise NotFound(f"{target}: no image of this namespace and snapshotter is mounted there") from None
    if mounted(target):
        unmount(target)
    snapshotter.remove(key)
