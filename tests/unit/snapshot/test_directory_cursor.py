"""A place in a tree that goes down and up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition
from orlop.snapshot.directory_cursor import DirectoryCursor, open_directory
from trees import open_fds

if TYPE_CHECKING:
    from pathlib import Path


def test_it_goes_down_and_up_with_one_file_descriptor(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    with DirectoryCursor(tmp_path) as cursor:
        fd_count = len(open_fds())
        cursor.down("a")
        cursor.down("b")
        assert cursor.depth == 2
        assert os.path.samestat(os.fstat(cursor.fd), (tmp_path / "a/b").stat())
        assert len(open_fds()) <= fd_count
        cursor.up()
        cursor.up()
        assert cursor.depth == 0
        assert os.path.samestat(os.fstat(cursor.fd), tmp_path.stat())
        closed = cursor.fd
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(closed)


def test_it_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/")
    with DirectoryCursor(tmp_path) as cursor, pytest.raises(NotADirectoryError):
        cursor.down("link")
    with pytest.raises(NotADirectoryError):
        open_directory(tmp_path / "link")


def test_it_notices_that_the_tree_was_moved(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    with DirectoryCursor(tmp_path) as cursor:
        cursor.down("a")
        cursor.down("b")
        (tmp_path / "a/b").rename(tmp_path / "elsewhere/b")
        with pytest.raises(FailedPrecondition, match="it was moved meanwhile"):
            cursor.up()
