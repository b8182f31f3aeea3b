"""What a tree takes on the disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.linux.fstab_mount import attach, detach
from orlop.snapshot.contract import Usage
from orlop.snapshot.tree_removal import remove_tree
from orlop.snapshot.tree_usage import tree_usage

if TYPE_CHECKING:
    from pathlib import Path


def test_blocks_are_counted_and_hard_links_once(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a/b").mkdir(parents=True)
    (root / "a/file").write_bytes(os.urandom(50_000))
    (root / "link").hardlink_to(root / "a/file")
    (root / "symbolic").symlink_to("/")
    with (root / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 30)
    os.sync()
    paths = [root, root / "a", root / "a/b", root / "a/file", root / "symbolic", root / "sparse"]
    blocks = sum(path.lstat().st_blocks for path in paths)
    assert tree_usage(root) == Usage(size_bytes=blocks * 512, inodes=6)


def test_what_is_not_there_takes_nothing(tmp_path: Path) -> None:
    assert tree_usage(tmp_path / "no") == Usage(size_bytes=0, inodes=0)


@pytest.mark.needs_root
def test_other_file_systems_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "mnt").mkdir()
    attach("tmpfs", "tmpfs", (), str(tmp_path / "mnt"))
    try:
        (tmp_path / "mnt/file").touch()
        assert tree_usage(tmp_path).inodes == 1
    finally:
        detach(str(tmp_path / "mnt"))


def test_a_tree_deeper_than_a_path_can_say_is_counted(tmp_path: Path) -> None:
    directory_fd = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(300):
            os.mkdir("a-directory-below", dir_fd=directory_fd)
            below_fd = os.open("a-directory-below", os.O_RDONLY, dir_fd=directory_fd)
            os.close(directory_fd)
            directory_fd = below_fd
    finally:
        os.close(directory_fd)
    assert tree_usage(tmp_path).inodes == 301
    remove_tree(tmp_path / "a-directory-below")  # pytest's own removal cannot
