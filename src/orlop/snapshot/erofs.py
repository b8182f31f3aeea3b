"""The EROFS snapshotter: a layer is its raw tar with an index, which the kernel mounts; nothing is extracted.

    snapshots/N/layer/layer.tar     the layer as it came, decompressed and verified
    snapshots/N/layer/layer.erofs   our index of it: an EROFS image whose files' data are in the tar
    snapshots/N/fs                  where the index is mounted; or what a container wrote, as with overlayfs
    snapshots/N/work                overlayfs's own, of active snapshots

A container's root file system is one overlay over the layers' mounts. `mounts` sees to it that these are there, also
after a reboot; they go with their layer. A committed snapshot without a layer is an upper directory that somebody
wrote, and takes part in overlays as such. So does a layer that could only be unpacked on top of its parent.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from orlop.archive.index_file import IndexFile
from orlop.errors import FailedPrecondition
from orlop.snapshot.contract import Kind, LayerForm, LayerTarget, Mount
from orlop.snapshot.directory_snapshotter import DirectorySnapshotter, sync_file_system
from orlop.snapshot.erofs_mount import INDEX_NAME, TAR_NAME, is_mounted, mount_layer
from orlop.snapshot.implied_directories import inherit, opened_tree, settle
from orlop.snapshot.overlay import make_upper_directory, overlay_mounts, overlay_options

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.snapshot.implied_directories import Apart, LayerDirectories


class ErofsSnapshotter(DirectorySnapshotter):
    """See the module."""

    name = "erofs"
    takes_layers_apart = True

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._options = overlay_options(user_xattr=False)  # EROFS is not mounted in user namespaces

    def layer_target(self, key: str, *, on_parent: bool = False) -> LayerTarget:
        """A directory of its own for the two files; or an overlay, whose upper directory the layer becomes."""
        directory = self.directory(self._active(key).id) / "layer"
        if on_parent:
            upper, mounts = directory.parent / "fs", tuple(self.mounts(key))
            return LayerTarget(form=LayerForm.APPLIED, directory=upper, mounts=mounts)
        directory.mkdir(mode=0o700, exist_ok=True)
        return LayerTarget(form=LayerForm.TAR_INDEX, directory=directory)

    def _fill(self, directory: Path, kind: Kind, parents: list[Path]) -> None:
        make_upper_directory(directory, kind)
        if parents:
            with ExitStack() as stack:
                inherit(opened_tree(directory / "fs", stack), [b""], [_opened(parents[0], stack)])

    def _mounts(self, directory: Path, kind: Kind, parents: list[Path]) -> list[Mount]:
        self._mount_layers(parents)
        return overlay_mounts(directory, kind, [parent / "fs" for parent in parents], self._options)

    def _settle(self, directory: Path, apart: Apart, parents: list[Path]) -> None:
        with ExitStack() as stack:
            below = [_opened(parent, stack) for parent in parents]
            if (directory / "layer").exists():
                index = IndexFile(stack.enter_context((directory / "layer" / INDEX_NAME).open("r+b")))
                settle(index, apart, below)
                index.finish()
            else:
                settle(opened_tree(directory / "fs", stack), apart, below)

    def _finish(self, directory: Path) -> None:
        if (directory / "layer").exists():
            _sync_layer(directory)
        else:
            sync_file_system(directory)

    def _mount_layers(self, parents: list[Path]) -> None:
        for parent in parents:
            target = parent / "fs"
            if not (parent / "layer").exists() or is_mounted(target):
                continue
            with self._locks.hold(int(parent.name)):
                if not is_mounted(target):  # by another process, while we waited
                    mount_layer(parent / "layer", target)


def _opened(directory: Path, stack: ExitStack) -> LayerDirectories:
    """The directories of a committed snapshot. An index is read as a file: a pull need not mount anything."""
    if (directory / "layer").exists():
        return IndexFile(stack.enter_context((directory / "layer" / INDEX_NAME).open("rb")))
    return opened_tree(directory / "fs", stack)


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
