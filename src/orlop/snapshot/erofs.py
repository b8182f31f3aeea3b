"""The EROFS snapshotter: a layer is its raw tar with an index, which the kernel mounts; nothing is extracted.

    snapshots/N/layer/layer.tar     the layer as it came, decompressed and verified
    snapshots/N/layer/layer.erofs   our index of it: an EROFS image whose files' data are in the tar
    snapshots/N/fs                  where the index is mounted; or what a container wrote, as with overlayfs
    snapshots/N/work                overlayfs's own, of active snapshots

A container's root file system is one overlay over the layers' mounts. `mounts` sees to it that these are there, also
after a reboot; they go with their layer. A committed snapshot without a layer is an upper directory that somebody
wrote, and takes part in overlays as such.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition
from orlop.snapshot.contract import Kind, LayerForm, LayerTarget, Mount
from orlop.snapshot.directory_snapshotter import DirectorySnapshotter, copy_root_attributes, sync_file_system
from orlop.snapshot.erofs_mount import INDEX_NAME, TAR_NAME, is_mounted, mount_layer
from orlop.snapshot.overlay import (
    inherit_root,
    is_untouched_root,
    make_upper_directory,
    overlay_mounts,
    overlay_options,
)

if TYPE_CHECKING:
    from pathlib import Path


class ErofsSnapshotter(DirectorySnapshotter):
    """See the module."""

    name = "erofs"
    takes_layers_apart = True

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._options = overlay_options(user_xattr=False)  # EROFS is not mounted in user namespaces

    def layer_target(self, key: str) -> LayerTarget:
        """A directory of its own for the two files."""
        directory = self.directory(self._active(key).id) / "layer"
        directory.mkdir(mode=0o700, exist_ok=True)
        return LayerTarget(form=LayerForm.TAR_INDEX, directory=directory)

    def _fill(self, directory: Path, kind: Kind, parents: list[Path]) -> None:
        make_upper_directory(directory, kind)
        if parents:
            copy_root_attributes(self._root_of(parents), directory / "fs")

    def _mounts(self, directory: Path, kind: Kind, parents: list[Path]) -> list[Mount]:
        self._mount_layers(parents)
        lower = [parent / "fs" for parent in parents]
        if kind is Kind.VIEW and parents and self._root_of(parents) != lower[0]:
            lower.insert(0, directory / "fs")  # empty, and has the attributes that the root should have
        return overlay_mounts(directory, kind, lower, self._options)

    def _finish(self, directory: Path, parents: list[Path]) -> None:
        if (directory / "layer").exists():
            _sync_layer(directory)
            return
        if parents:
            inherit_root(directory / "fs", self._root_of(parents))
        sync_file_system(directory)

    def _root_of(self, parents: list[Path]) -> Path:
        """The root directory whose owner and mode a file system of these layers has: the uppermost that sets them.

        Overlayfs takes the uppermost at all, and an index has the default where its layer says nothing of its root.
        """
        self._mount_layers(parents)
        roots = [parent / "fs" for parent in parents]
        return next((root for root in roots if not is_untouched_root(root)), roots[0])

    def _mount_layers(self, parents: list[Path]) -> None:
        for parent in parents:
            target = parent / "fs"
            if not (parent / "layer").exists() or is_mounted(target):
                continue
            with self._locks.hold(int(parent.name)):
                if not is_mounted(target):  # by another process, while we waited
                    mount_layer(parent / "layer", target)


def _sync_layer(directory: Path) -> None:
    """Make a layer's two files durable, and their names. Not the whole file system: others' layers are on their way."""
    layer = directory / "layer"
    missing = [name for name in (TAR_NAME, INDEX_NAME) if not (layer / name).exists()]
    if missing:
        raise FailedPrecondition(
            f"cannot commit {layer}: {' and '.join(missing)} missing",
            hint="unpack the layer, or prepare a new snapshot",
        )
    if any((directory / "fs").iterdir()):
        raise FailedPrecondition(
            f"cannot commit {directory}: it has a layer, and files beside it in fs", hint="use one of the two"
        )
    for path in (layer / TAR_NAME, layer / INDEX_NAME, layer, directory, directory.parent):
        path_fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(path_fd)
        finally:
            os.close(path_fd)
