"""Deletions as overlayfs reads them, and none where it would show them."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from orlop.archive import overlay_marks
from orlop.archive.directory_chain import Directory
from orlop.archive.overlay_marks import OverlayMarks
from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs_root
_NAME = "trusted.overlay.opaque"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Directory]:
    """The layer's root, open."""
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield Directory(fd, b"", 0)
    os.close(fd)


def deletions(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if stat.S_ISCHR(path.lstat().st_mode) and not path.lstat().st_rdev
    }


def test_a_deletion_is_a_device_and_hides_nothing_of_its_own_layer(root: Directory, tmp_path: Path) -> None:
    marks = OverlayMarks(_NAME)
    (tmp_path / "file").write_text("x")
    (tmp_path / "directory").mkdir()
    for name in (b"gone", b"file", b"directory"):
        marks.delete(root, name)
    assert deletions(tmp_path) == {"gone"}
    assert os.listxattr(tmp_path / "directory") == [_NAME]


@pytest.mark.parametrize("is_marked_first", [True, False])
def test_an_opaque_directory_has_no_deletions_at_any_depth(
    root: Directory, tmp_path: Path, is_marked_first: bool
) -> None:
    marks = OverlayMarks(_NAME)
    (tmp_path / "a/b").mkdir(parents=True)
    os.utime(tmp_path / "a/b", (5, 5))
    fd = os.open(tmp_path / "a/b", os.O_RDONLY | os.O_DIRECTORY)
    try:
        inner = Directory(fd, b"a/b", 5)
        if is_marked_first:
            marks.hide_below(root, b"a")
        marks.delete(inner, b"gone")
        marks.delete(root, b"outside")
        os.utime(tmp_path / "a/b", (5, 5))
        if not is_marked_first:
            marks.hide_below(root, b"a")
    finally:
        os.close(fd)
    assert deletions(tmp_path) == {"outside"}
    assert os.getxattr(tmp_path / "a", _NAME) == b"y"
    assert (tmp_path / "a/b").stat().st_mtime == 5


def test_the_root_can_be_opaque(root: Directory, tmp_path: Path) -> None:
    marks = OverlayMarks(_NAME)
    marks.hide_below(root, b".")
    marks.delete(root, b"gone")
    assert os.listxattr(tmp_path) == [_NAME]
    assert deletions(tmp_path) == set()


def test_a_directory_that_comes_again_is_marked_again(root: Directory, tmp_path: Path) -> None:
    marks = OverlayMarks(_NAME)
    for _ in range(2):
        (tmp_path / "a").mkdir()
        marks.hide_below(root, b"a")
        assert os.listxattr(tmp_path / "a") == [_NAME]
        (tmp_path / "a").rmdir()


def test_what_is_remembered_has_a_bound(root: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay_marks, "_PATHS_BYTES", 3)
    marks = OverlayMarks(_NAME)
    for name in ("aa", "bb"):
        (tmp_path / name).mkdir()
    marks.hide_below(root, b"aa")
    marks.hide_below(root, b"aa")
    with pytest.raises(InvalidArgument, match="whiteout: too many directories are opaque"):
        marks.hide_below(root, b"bb")


def test_directories_with_deletions_are_told(root: Directory, tmp_path: Path) -> None:
    told: list[bytes] = []
    marks = OverlayMarks(_NAME, deletes_in=told.append)
    marks.delete(root, b"a")
    (tmp_path / "own").touch()
    marks.delete(root, b"own")
    assert told == [b""]
    marks.hide_below(root, b".")
    marks.delete(root, b"b")
    assert told == [b""]
