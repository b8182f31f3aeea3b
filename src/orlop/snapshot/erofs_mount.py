"""Mounts of a layer's EROFS index, whose data are in the raw tar beside it: from the files, or from loop devices."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from orlop.errors import KernelError, Unavailable
from orlop.linux.fstab_mount import attach
from orlop.linux.loop_device import attach_loop_device

if TYPE_CHECKING:
    from pathlib import Path

INDEX_NAME = "layer.erofs"
TAR_NAME = "layer.tar"

# How a kernel says that it does not mount this file as it is. ENOTBLK: EROFS is older than 6.12, or built without
# files as backing. EINVAL: the file system below cannot be read that way. ELOOP: it is itself an overlay, or an EROFS
# from a file, and the kernel stacks no more than two.
_WANTS_DEVICE = frozenset((errno.ENOTBLK, errno.EINVAL, errno.ELOOP))


def mount_layer(layer: Path, target: Path, *, from_devices: bool = False) -> None:
    """Mount the index in `layer` read-only at `target`; from loop devices where files will not do, or where asked.

    Raises:
        KernelError: the kernel refuses both.
        Unavailable: it mounts no files, and there is no loop device.
    """
    if from_devices:
        _mount_devices(layer, target)
        return
    try:
        _mount_files(layer, target)
    except KernelError as error:
        if error.errno not in _WANTS_DEVICE:
            raise
        try:
            _mount_devices(layer, target)
        except (KernelError, Unavailable) as second:
            if error.errno == errno.ENOTBLK:  # no file would have done, so only this tells what is wrong
                raise
            error.add_note(f"and not from loop devices either: {second}")
            raise error from second


def is_mounted(target: Path) -> bool:
    """Whether something with files of its own is mounted at `target`: two calls, where mountinfo may be long."""
    return target.stat().st_dev != target.parent.stat().st_dev


def _mount_files(layer: Path, target: Path) -> None:
    attach("erofs", str(layer / INDEX_NAME), ("ro", f"device={layer / TAR_NAME}"), str(target))


def _mount_devices(layer: Path, target: Path) -> None:
    index, index_fd = attach_loop_device(str(layer / INDEX_NAME))
    try:
        tar, tar_fd = attach_loop_device(str(layer / TAR_NAME))
        try:
            attach("erofs", index, ("ro", f"device={tar}"), str(target))
        finally:
            os.close(tar_fd)
    finally:
        os.close(index_fd)
