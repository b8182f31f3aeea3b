"""Disk usage, against du itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.errors import KernelError
from orlop.metadata.disk_usage import DiskUsage

if TYPE_CHECKING:
    from pathlib import Path


def du(path: Path) -> int:
    """What `du` says, in bytes."""
    command = ["du", "-sx", "--block-size=1", str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Large and small files, a hole, links of both kinds, a fifo, and a directory of many blocks."""
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "many").mkdir()
    (root / "a" / "large").write_bytes(b"x" * 300_000)
    (root / "a" / "b" / "small").write_bytes(b"x")
    (root / "empty").write_bytes(b"")
    with (root / "hole").open("wb") as file:
        file.truncate(50 << 20)
    os.link(root / "a" / "large", root / "a" / "b" / "link")
    (root / "symlink").symlink_to("a")
    os.mkfifo(root / "fifo")
    for number in range(300):
        (root / "many" / f"a file with a long name, number {number}").write_bytes(b"")
    return root


def test_it_counts_as_du(tree: Path) -> None:
    assert DiskUsage(tree).of(tree) == du(tree)


def test_parts_and_rest_add_up(tree: Path) -> None:
    disk = DiskUsage(tree)
    parts = [disk.of(tree / name) for name in ("hole", "a/b", "a", "many", "none")]
    assert parts[0] == 0
    assert parts[1] > 300_000
    assert parts[2] < 100_000, "its large file was counted with its other name"
    assert parts[-1] == 0
    assert sum(parts) + disk.of(tree) == du(tree)
    assert disk.of(tree) == 0
    assert disk.of(tree / "a") == 0


@pytest.mark.needs_root
def test_what_is_mounted_below_is_not_counted(tree: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "orlop-test", str(tree / "a" / "b")], check=True)
    try:
        (tree / "a" / "b" / "elsewhere").write_bytes(b"x" * 100_000)
        assert DiskUsage(tree).of(tree) == du(tree)
    finally:
        subprocess.run(["umount", str(tree / "a" / "b")], check=True)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r'^cannot measure: lstat ".*/none": ENOENT'):
        DiskUsage(tmp_path / "none")
