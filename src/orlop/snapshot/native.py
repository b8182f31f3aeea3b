"""The native snapshotter: every snapshot is a whole copy. It needs nothing of the kernel, and works on any file system.

snapshots/N/fs holds all files. A view is a copy no more than a committed snapshot is: it shows its parent's directory.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.snapshot.contract import Kind, LayerForm, LayerTarget, Mount
from orlop.snapshot.directory_snapshotter import DirectorySnapshotter
from orlop.snapshot.tree_copy import copy_tree

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.snapshot.implied_directories import Apart

_ROOT_MODE = 0o755


class NativeSnapshotter(DirectorySnapshotter):
    """See the module."""

    name = "native"
    takes_layers_apart = False

    def layer_target(self, key: str, *, on_parent: bool = False) -> LayerTarget:
        """The directory with the parent's files, on which the layer is applied."""
        del on_parent  # it always is
        return LayerTarget(form=LayerForm.APPLIED, directory=self.directory(self._active(key).id) / "fs")

    def _fill(self, directory: Path, kind: Kind, parents: list[Path]) -> None:
        root = directory / "fs"
        root.mkdir()
        root.chmod(_ROOT_MODE)
        os.utime(root, ns=(0, 0))
        if parents and kind is Kind.ACTIVE:
            copy_tree(parents[0] / "fs", root)

    def _settle(self, directory: Path, apart: Apart, parents: list[Path]) -> None:
        """All is as it is below: the layer was applied to a copy of that."""

    def _mounts(self, directory: Path, kind: Kind, parents: list[Path]) -> list[Mount]:
        is_shown_as_it_is = kind is Kind.VIEW and parents
        source = (parents[0] if is_shown_as_it_is else directory) / "fs"
        access = "ro" if kind is Kind.VIEW else "rw"
        return [Mount(type="bind", source=str(source), options=(access, "rbind"))]
