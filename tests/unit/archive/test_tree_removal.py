"""Trees are removed by fd, without following links."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.archive import tree_removal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def root_fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_a_tree_goes_and_what_its_links_point_at_stays(tmp_path: Path, root_fd: int) -> None:
    (tmp_path / "stays" / "a").mkdir(parents=True)
    (tmp_path / "goes" / "a" / "b").mkdir(parents=True)
    (tmp_path / "goes" / "a" / "file").touch()
    (tmp_path / "goes" / "link").symlink_to("../stays")
    (tmp_path / "goes" / "a" / os.fsdecode(b"\xff")).touch()
    tree_removal.remove(root_fd, b"goes")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "stays"]
    assert (tmp_path / "stays" / "a").exists()


def test_anything_else_goes_and_nothing_is_fine(tmp_path: Path, root_fd: int) -> None:
    (tmp_path / "link").symlink_to("link")
    tree_removal.remove(root_fd, b"link")
    tree_removal.remove(root_fd, b"link")
    assert list(tmp_path.iterdir()) == []


def test_a_tree_deeper_than_there_are_fds_or_frames(tmp_path: Path, root_fd: int) -> None:
    fd = os.dup(root_fd)
    for _ in range(3000):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    tree_removal.remove(root_fd, b"d")
    assert list(tmp_path.iterdir()) == []


def test_prune_leaves_what_is_kept_at_every_depth(tmp_path: Path, root_fd: int) -> None:
    for path in ("top/a/keep", "top/a/drop", "top/b/drop", "top/keep"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    kept = {b"x/top/a", b"x/top/a/keep", b"x/top/keep"}
    tree_removal.prune(root_fd, b"x/top", b"top", kept.__contains__)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["top", "top/a", "top/a/keep", "top/keep"]


def test_a_link_to_a_directory_is_no_directory(tmp_path: Path, root_fd: int) -> None:
    (tmp_path / "link").symlink_to(".")
    assert not tree_removal.is_directory(root_fd, b"link")
    assert not tree_removal.is_directory(root_fd, b"missing")
    assert tree_removal.is_directory(root_fd, b".")
