"""Copies of trees."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from typing import TYPE_CHECKING

import pytest

from orlop.snapshot.tree_copy import copy_tree
from orlop.snapshot.tree_removal import remove_tree

if TYPE_CHECKING:
    from pathlib import Path

_OLD = (1_000_000_000_000_000_001, 1_100_000_000_000_000_003)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.mkdir()
    return path


def described(root: Path) -> dict[str, tuple[object, ...]]:
    """All that a copy should keep, for the root and what is below."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (root, *root.rglob("*")):
        status = path.lstat()
        attributes = {
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        }
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(root))] = (
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_rdev,
            status.st_mtime_ns,
            0 if path.is_dir() else status.st_nlink,
            attributes,
            content,
        )
    return found


@pytest.mark.needs_root
def test_a_copy_has_all_that_a_root_file_system_has(source: Path, target: Path, tmp_path: Path) -> None:
    (source / "etc/inner").mkdir(parents=True)
    (source / "etc/shadow").write_bytes(b"secret")
    (source / "etc/shadow").chmod(0o640)
    os.chown(source / "etc/shadow", 0, 42)
    (source / "empty").touch()
    (source / "setuid").write_bytes(b"#!")
    os.chown(source / "setuid", 1, 2)
    (source / "setuid").chmod(0o6755)
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    os.setxattr(source / "setuid", "security.capability", capability)
    os.setxattr(source / "etc", "user.name", b"value")
    os.setxattr(source / "etc", "trusted.name", b"value")
    (source / "link").symlink_to("/no/where")
    os.setxattr(source / "link", "trusted.name", b"value", follow_symlinks=False)
    os.chown(source / "link", 7, 8, follow_symlinks=False)
    (source / "etc/hard").hardlink_to(source / "setuid")
    (source / "etc/inner/hard-link").hardlink_to(
        source / "link",
    )
    os.mkfifo(source / "fifo", 0o600)
    os.mknod(source / "null", 0o020666, os.makedev(1, 3))
    os.mknod(source / "disk", 0o060660, os.makedev(7, 0))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "sock"))
    for path in (*source.rglob("*"), source):
        os.utime(path, ns=_OLD, follow_symlinks=False)
    (source / "etc").chmod(0o1777)
    copy_tree(source, target)
    assert described(target) == described(source)
    assert (target / "etc/hard").samefile(target / "setuid")
    assert not (target / "setuid").samefile(source / "setuid")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.seek(1 << 20)
        file.write(b"a" * 5000)
        file.truncate(8 << 20)


@pytest.mark.parametrize("refused", ["nothing", "FICLONE", "copy_file_range"])
def test_holes_stay_holes_by_every_way_of_copying(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "refused")

    if refused != "nothing":
        monkeypatch.setattr(fcntl, "ioctl", refuse)
    if refused == "copy_file_range":
        monkeypatch.setattr(os, "copy_file_range", refuse)
    _sparse(source / "sparse")
    (source / "full").write_bytes(os.urandom(3_000_000))
    with (source / "hole").open("wb") as file:
        file.truncate(1 << 20)
    copy_tree(source, target)
    assert described(target) == described(source)
    for name in ("sparse", "hole"):
        assert (target / name).stat().st_blocks <= (source / name).stat().st_blocks + 8


def test_a_refusal_that_no_other_way_helps_is_told(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    (source / "file").write_bytes(b"data")
    monkeypatch.setattr(fcntl, "ioctl", full)
    with pytest.raises(OSError, match="full"):
        copy_tree(source, target)
    assert not target.with_name("target.links").exists()


def test_a_tree_deeper_than_a_path_can_say_is_copied(source: Path, target: Path) -> None:
    directory_fd = os.open(source, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("a-directory-below", dir_fd=directory_fd)
        below_fd = os.open("a-directory-below", os.O_RDONLY, dir_fd=directory_fd)
        os.close(directory_fd)
        directory_fd = below_fd
    os.mkfifo("end", dir_fd=directory_fd)
    os.close(directory_fd)
    copy_tree(source, target)
    directory_fd = os.open(target, os.O_RDONLY)
    for _ in range(300):
        below_fd = os.open("a-directory-below", os.O_RDONLY, dir_fd=directory_fd)
        os.close(directory_fd)
        directory_fd = below_fd
    assert os.listdir(directory_fd) == ["end"]  # noqa: PTH208 - no path is that long
    os.close(directory_fd)
    for root in (source, target):
        remove_tree(root)
