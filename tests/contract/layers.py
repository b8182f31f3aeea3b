"""Layers for snapshotters, written into a layer's target in whichever form it wants."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.archive.contract import Entry, EntryType
from orlop.archive.erofs_image import ErofsIndex
from orlop.oci.digest import Digest
from orlop.snapshot.contract import LayerForm
from orlop.snapshot.tree_removal import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orlop.snapshot.contract import LayerTarget

_BLOCK_BYTES = 512


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Files and their contents, what is deleted, which directories hide those below. Directories come by themselves."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()
    root_mode: int = 0  # 0: the layer has no entry for the root

    @property
    def directories(self) -> list[str]:
        """All directories, parents first."""
        found = {parent for path in (*self.files, *self.deleted, *self.opaque) for parent in _parents(path)} | set(
            self.opaque
        )
        return sorted(found)


def write_layer(target: LayerTarget, layer: Layer) -> tuple[bytes, ...]:
    """Unpack the layer; returns what is implied."""
    if target.form is LayerForm.TAR_INDEX:
        _write_index(target.directory, layer)
    else:
        _write_tree(target, layer)
    return () if layer.root_mode else (b"",)


def files_of(root: Path) -> dict[str, bytes]:
    """The files of a mounted tree, and their contents."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if not path.is_dir()}


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _write_tree(target: LayerTarget, layer: Layer) -> None:
    root = target.directory
    is_overlay = target.form is LayerForm.OVERLAY
    if layer.root_mode:
        root.chmod(layer.root_mode)
    for name in layer.directories:
        (root / name).mkdir(exist_ok=True)
    for name in layer.opaque:
        if is_overlay:
            os.setxattr(root / name, "trusted.overlay.opaque", b"y")
        else:
            remove_tree(root / name)
            (root / name).mkdir()
    for name in layer.deleted:
        if is_overlay:
            os.mknod(root / name, 0o020000, 0)
        else:
            (root / name).unlink()
    for name, content in layer.files.items():
        (root / name).unlink(missing_ok=True)
        (root / name).write_bytes(content)


def _write_index(directory: Path, layer: Layer) -> None:
    index = ErofsIndex()
    raw = bytearray()
    for entry, content in _entries(layer):
        raw += bytes(_BLOCK_BYTES)  # where the header stands
        entry.data_offset = len(raw)
        index.add(entry)
        raw += content + bytes(-len(content) % _BLOCK_BYTES)
    raw += bytes(2 * _BLOCK_BYTES)
    (directory / "layer.tar").write_bytes(raw)
    with (directory / "layer.tar").open("rb") as tar, (directory / "layer.erofs").open("w+b") as output:
        index.write(output, tar=tar, tar_bytes=len(raw), diff_id=Digest.of(bytes(raw)))


def _entries(layer: Layer) -> Iterator[tuple[Entry, bytes]]:
    if layer.root_mode:
        yield Entry(path=b"", type=EntryType.DIRECTORY, mode=layer.root_mode, uid=0, gid=0), b""
    for name in layer.directories:
        yield Entry(path=name.encode(), type=EntryType.DIRECTORY, mode=0o755, uid=0, gid=0), b""
    for name in layer.opaque:
        yield _marker(f"{name}/.wh..wh..opq"), b""
    for name in layer.deleted:
        parent, _, last = name.rpartition("/")
        yield _marker(f"{parent}/.wh.{last}".lstrip("/")), b""
    for name, content in layer.files.items():
        yield (
            Entry(path=name.encode(), type=EntryType.FILE, mode=0o644, uid=0, gid=0, size=len(content)),
            content,
        )


def _marker(path: str) -> Entry:
    return Entry(path=path.encode(), type=EntryType.FILE, mode=0o600, uid=0, gid=0)
