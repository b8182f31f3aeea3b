"""Removal of trees that somebody else filled."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.linux.fstab_mount import attach, detach
from orlop.snapshot.tree_removal import remove_tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def test_all_kinds_of_entries_go_and_nothing_else(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/file").touch()
    (root / "a/b/link").symlink_to(outside)
    (root / "link").symlink_to(outside / "kept")
    os.mkfifo(root / "fifo")
    remove_tree(root)
    assert not root.exists()
    assert [path.name for path in outside.iterdir()] == ["kept"]
    remove_tree(root)


def test_a_link_in_place_of_the_directory_is_not_followed(root: Path, tmp_path: Path) -> None:
    (root / "kept").touch()
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(NotADirectoryError):
        remove_tree(tmp_path / "link")
    assert (root / "kept").exists()


def test_a_tree_deeper_than_a_path_can_say_goes(root: Path) -> None:
    directory_fd = os.open(root, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("a-directory-below", dir_fd=directory_fd)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=directory_fd))
        below_fd = os.open("a-directory-below", os.O_RDONLY, dir_fd=directory_fd)
        os.close(directory_fd)
        directory_fd = below_fd
    os.close(directory_fd)
    remove_tree(root)
    assert not root.exists()


@pytest.mark.needs_root
def test_immutable_and_append_only_files_go(root: Path) -> None:
    (root / "fixed/inner").mkdir(parents=True)
    (root / "fixed/inner/file").touch()
    (root / "log").touch()
    subprocess.run(["chattr", "+i", root / "fixed/inner/file", root / "fixed/inner", root / "fixed"], check=True)
    subprocess.run(["chattr", "+a", root / "log"], check=True)
    remove_tree(root)
    assert not root.exists()


@pytest.mark.needs_root
def test_a_mount_is_not_entered(root: Path) -> None:
    (root / "mnt").mkdir()
    attach("tmpfs", "tmpfs", (), str(root / "mnt"))
    try:
        (root / "mnt/kept").touch()
        with pytest.raises(OSError, match="something is mounted there: 'mnt'"):
            remove_tree(root)
        assert (root / "mnt/kept").exists()
    finally:
        detach(str(root / "mnt"))


def test_directories_without_modes_go(root: Path) -> None:
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").touch()
    for path in (root / "a/b", root / "a"):
        path.chmod(0)
    remove_tree(root)
    assert not root.exists()


def test_what_forbids_it_for_other_reasons_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *, dir_fd: int) -> None:
        del dir_fd
        raise PermissionError(1, "refused", name)

    (root / "file").touch()
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError, match="refused: 'file'"):
        remove_tree(root)


def test_somebody_else_may_remove_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a/b").mkdir(parents=True)
    (root / "file").touch()
    gone = os.rmdir
    unlink = os.unlink

    def rmdir_twice(name: str | Path, *, dir_fd: int | None = None) -> None:
        gone(name, dir_fd=dir_fd)
        gone(name, dir_fd=dir_fd)

    def unlink_twice(name: str, *, dir_fd: int) -> None:
        unlink(name, dir_fd=dir_fd)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", rmdir_twice)
    monkeypatch.setattr(os, "unlink", unlink_twice)
    remove_tree(root)
    monkeypatch.undo()
    assert not root.exists()
