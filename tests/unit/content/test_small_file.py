"""Small files that are replaced whole."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from orlop.content import small_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def directory_fd(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("is_durable", [False, True])
def test_a_file_is_replaced_whole(directory_fd: int, tmp_path: Path, is_durable: bool) -> None:
    small_file.replace(directory_fd, "name", b"first and longer", is_durable=is_durable)
    small_file.replace(directory_fd, "name", b"second", is_durable=is_durable)
    assert small_file.read(directory_fd, "name") == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
    assert (tmp_path / "name").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_keeps_the_old_content(
    directory_fd: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_file.replace(directory_fd, "name", b"old", is_durable=False)

    def full(_descriptor: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="full"):
        small_file.replace(directory_fd, "name", b"new", is_durable=True)
    assert small_file.read(directory_fd, "name") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_what_is_written_in_parts_is_written_whole(directory_fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    small_file.replace(directory_fd, "name", b"a longer text", is_durable=False)
    assert small_file.read(directory_fd, "name") == b"a longer text"


def test_a_link_is_not_followed(directory_fd: int, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "name").symlink_to("target")
    with pytest.raises(OSError, match="symbolic links"):
        small_file.read(directory_fd, "name")
    (tmp_path / "other.new").symlink_to("target")
    with pytest.raises(OSError, match="symbolic links"):
        small_file.replace(directory_fd, "other", b"x", is_durable=False)
    assert (tmp_path / "target").read_bytes() == b"secret"


def test_what_is_missing_is_none_and_removed_already(directory_fd: int) -> None:
    assert small_file.read(directory_fd, "name") is None
    small_file.remove(directory_fd, "name")
