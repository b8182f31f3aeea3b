"""Whether a snapshotter can work on this machine, at this place: found out by doing what it does, in small."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orlop.archive.contract import Entry, EntryType
from orlop.archive.erofs_image import ErofsIndex
from orlop.errors import OrlopError
from orlop.linux.errno_text import errno_name_and_text
from orlop.linux.fstab_mount import attach, detach, mount_points_below
from orlop.linux.user_namespace import is_in_user_namespace
from orlop.oci.digest import Digest
from orlop.snapshot.contract import Kind
from orlop.snapshot.erofs_mount import INDEX_NAME, TAR_NAME, mount_layer
from orlop.snapshot.overlay import overlay_mounts, overlay_options
from orlop.snapshot.tree_removal import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONTENT = bytes(range(256)) * 3
_CONTENT_OFFSET = 512
_TAR_BYTES = 4096


def overlay_obstacle(base: Path) -> str:
    """Why no overlay can be mounted over directories in `base`; "" where one can."""
    with _trial(base) as place:
        try:
            (place / "lower/fs").mkdir(parents=True)
            with (place / "lower/fs/file").open("xb") as file:
                file.write(_CONTENT)
            _try_overlay(place)
        except (OSError, OrlopError) as error:
            return _reason(error)
    return ""


def erofs_obstacle(base: Path) -> str:
    """Why no overlay over an EROFS index of a tar in `base` can be mounted; "" where one can."""
    if is_in_user_namespace():
        return "EROFS cannot be mounted in a user namespace"
    with _trial(base) as place:
        try:
            layer, mount_point = place / "lower/layer", place / "lower/fs"
            layer.mkdir(parents=True)
            mount_point.mkdir()
            _write_layer(layer)
            mount_layer(layer, mount_point)
            _try_overlay(place)
        except (OSError, OrlopError) as error:
            return _reason(error)
    return ""


def _try_overlay(place: Path) -> None:
    """Read a lower file through an overlay, and delete it there, which makes a whiteout."""
    for name in ("fs", "work", "merged"):
        (place / name).mkdir()
    # Volatile, for the unmounting of another one writes the whole file system to its disk.
    options = (*overlay_options(user_xattr=is_in_user_namespace()), "volatile")
    for one in overlay_mounts(place, Kind.ACTIVE, [place / "lower/fs"], options):
        attach(one.type, one.source, one.options, str(place / "merged"))
    if (place / "merged/file").read_bytes() != _CONTENT:
        raise OSError(0, "a file has another content through the mount")
    (place / "merged/file").unlink()


def _write_layer(layer: Path) -> None:
    """A tar of one file, or what of it matters, and its index."""
    raw = bytes(_CONTENT_OFFSET) + _CONTENT
    with (layer / TAR_NAME).open("xb") as file:
        file.write(raw.ljust(_TAR_BYTES, b"\0"))
    index = ErofsIndex()
    index.add(
        Entry(
            path=b"file",
            type=EntryType.FILE,
            mode=0o644,
            uid=0,
            gid=0,
            size=len(_CONTENT),
            data_offset=_CONTENT_OFFSET,
        )
    )
    with (layer / TAR_NAME).open("rb") as tar, (layer / INDEX_NAME).open("x+b") as output:
        index.write(output, tar=tar, tar_bytes=_TAR_BYTES, diff_id=Digest.parse(f"sha256:{'0' * 64}"))


@contextmanager
def _trial(base: Path) -> Iterator[Path]:
    """A directory for mounts, one process at a time, so that the next one clears up what a crash left."""
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = base.resolve() / ".trial"
    lock_fd = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        _clear(place)
        place.mkdir(mode=0o700)
        try:
            yield place
        finally:
            _clear(place)
    finally:
        os.close(lock_fd)


def _clear(place: Path) -> None:
    for mount_point in mount_points_below(str(place)):
        detach(mount_point)
    remove_tree(place)


def _reason(error: OSError | OrlopError) -> str:
    if isinstance(error, OrlopError):
        return str(error)
    return f"{errno_name_and_text(error.errno)[0]} ({error.strerror})" if error.errno else str(error.strerror)
