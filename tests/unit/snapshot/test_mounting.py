"""A snapshot's mounts at a directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, KernelError, NotFound
from orlop.snapshot.contract import Mount
from orlop.snapshot.mounting import mount_all, mounted, unmount

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs_root

_TMPFS = Mount(type="tmpfs", source="tmpfs", options=("size=64k",))


def test_mounts_are_made_one_over_the_other_and_all_unmounted(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "link").symlink_to(target)
    (target / "below").touch()
    mount_all([_TMPFS, _TMPFS], tmp_path / "link")
    assert mounted(target)
    assert mounted(tmp_path / "link")
    assert not (target / "below").exists()
    with pytest.raises(FailedPrecondition, match="something is mounted there; unmount it first"):
        mount_all([_TMPFS], target)
    file_fd = os.open(target, os.O_RDONLY)
    unmount(tmp_path / "link")
    os.close(file_fd)
    assert not mounted(target)
    assert (target / "below").exists()


def test_a_failure_leaves_nothing_mounted(tmp_path: Path) -> None:
    wrong = Mount(type="tmpfs", source="tmpfs", options=("nonsense=1",))
    with pytest.raises(KernelError, match="Unknown parameter"):
        mount_all([_TMPFS, wrong], tmp_path)
    assert not mounted(tmp_path)


def test_a_target_is_a_directory_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for call in (lambda path: mount_all([_TMPFS], path), unmount):
        with pytest.raises(NotFound, match=r"/no does not exist; make the directory first$"):
            call(tmp_path / "no")
        with pytest.raises(FailedPrecondition, match="/file is no directory"):
            call(tmp_path / "file")
    with pytest.raises(FailedPrecondition, match=r"nothing is mounted there$"):
        unmount(tmp_path)
    assert not mounted(tmp_path / "no")
