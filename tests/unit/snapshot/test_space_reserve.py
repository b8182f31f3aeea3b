"""Space for removals on a full disk."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from orlop.errors import KernelError
from orlop.linux.fstab_mount import attach, detach
from orlop.snapshot.native import NativeSnapshotter
from orlop.snapshot.space_reserve import SpaceReserve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import RawIOBase
    from pathlib import Path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    attach("tmpfs", "tmpfs", ("size=2m",), str(tmp_path))
    yield tmp_path
    detach(str(tmp_path))


def fill(directory: Path) -> None:
    """Write until there is no space left at all."""
    for step in (65_536, 4096):
        with (directory / f"filler-{step}").open("wb", buffering=0) as filler:
            while _has_room(filler, step):
                pass


def _has_room(filler: RawIOBase, step: int) -> bool:
    try:
        return bool(filler.write(bytes(step)))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@pytest.mark.needs_root
def test_a_snapshot_can_be_removed_on_a_full_disk(small_disk: Path) -> None:
    with NativeSnapshotter(small_disk / "root") as snapshotter:
        snapshotter.prepare("key")
        snapshotter.prepare("other")
        directory = snapshotter.layer_target("key").directory
    fill(directory)
    with NativeSnapshotter(small_disk / "root") as snapshotter:  # which opens the database on the full disk too
        assert not (small_disk / "root/reserve").exists()
        snapshotter.remove("key")
        assert (small_disk / "root/reserve").stat().st_blocks > 0
        assert [info.name for info in snapshotter.walk()] == ["other"]


@pytest.mark.needs_root
def test_a_disk_without_room_for_it_is_no_error(small_disk: Path) -> None:
    fill(small_disk)
    SpaceReserve(small_disk / "reserve").take()
    assert not (small_disk / "reserve").exists()


def test_it_is_given_up_for_a_full_disk_only(tmp_path: Path) -> None:
    reserve = SpaceReserve(tmp_path / "reserve")
    reserve.take()
    reserve.take()
    calls: list[int] = []

    def action(number: int) -> int:
        calls.append(number)
        if len(calls) < 3:
            raise KernelError("write", errno=number)
        return 7

    with pytest.raises(KernelError, match="write"):
        reserve.use_if_full(lambda: action(errno.EIO))
    assert (tmp_path / "reserve").exists()
    assert reserve.use_if_full(lambda: action(errno.ENOSPC)) == 7
    assert not (tmp_path / "reserve").exists()
    calls.clear()
    with pytest.raises(KernelError, match="write"):
        reserve.use_if_full(lambda: action(errno.ENOSPC))
    assert calls == [errno.ENOSPC]
