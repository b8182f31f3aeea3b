"""Directories that a layer has no entry of get what lower layers say; all else stays as it was."""

from __future__ import annotations

import io
import stat

import pytest

from erofs_entries import directory, entry, image_of
from erofs_reader import Image
from orlop.archive.erofs_patch import set_directory_attributes
from orlop.errors import FailedPrecondition, InvalidArgument, NotFound

ENTRIES = [
    directory("opt", xattrs={b"user.k": b"v"}),
    *(directory(f"opt/{number:0200}") for number in range(9)),
    entry("opt/zz/tmp/f"),
    entry("opt/zz/tmp/.wh..wh..opq"),
    entry("opt/file"),
]


def _patched(path: bytes) -> bytes:
    image = io.BytesIO(image_of(ENTRIES))
    set_directory_attributes(image, path, mode=0o41777, uid=70_000, gid=5, mtime_ns=-1)
    return image.getvalue()


def test_mode_owner_and_time_are_set_and_nothing_else() -> None:
    before, after = Image(image_of(ENTRIES), b"").paths, Image(_patched(b"opt/zz/tmp"), b"").paths
    changed = after.pop("opt/zz/tmp")
    assert (changed.mode, changed.uid, changed.gid, changed.mtime_ns) == (stat.S_IFDIR | 0o1777, 70_000, 5, -1)
    assert changed.xattrs == {"trusted.overlay.opaque": b"y"}
    del before["opt/zz/tmp"]
    assert after == before


def test_the_root_can_be_set() -> None:
    assert Image(_patched(b""), b"").paths[""].mode == stat.S_IFDIR | 0o1777


@pytest.mark.parametrize("path", [b"nothing", b"opt/nothing", b"opt/file", b"opt/zz/tmp/f"])
def test_what_is_no_directory_is_not_found(path: bytes) -> None:
    with pytest.raises(NotFound, match=f'index: there is no directory "{path.decode()}"'):
        _patched(path)


def test_a_directory_with_an_entry_stays() -> None:
    with pytest.raises(FailedPrecondition, match='"opt": the layer itself says'):
        _patched(b"opt")


@pytest.mark.parametrize("data", [b"", bytes(4096)])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="no EROFS image"):
        set_directory_attributes(io.BytesIO(data), b"", mode=0, uid=0, gid=0, mtime_ns=0)
