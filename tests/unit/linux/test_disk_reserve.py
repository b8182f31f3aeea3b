"""The reserve: made where there is room, given up for a full disk only, and as large afterwards as the room allows."""

from __future__ import annotations

import errno
import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.errors import KernelError
from orlop.linux import disk_reserve as module
from orlop.linux.disk_reserve import DiskReserve
from unit.full_disk import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 256 << 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reserve"


@pytest.fixture
def reserve(path: Path) -> DiskReserve:
    return DiskReserve(path, SIZE)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB that needs some room for its books."""
    image, target = tmp_path / "image", tmp_path / "disk"
    target.mkdir()
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-b", "4096", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, target], check=True)
    yield target
    subprocess.run(["umount", target], check=True)


def leave_free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(DiskReserve, "_free", lambda _: size)


def test_it_holds_real_blocks(reserve: DiskReserve, path: Path) -> None:
    reserve.refill()
    assert path.stat().st_size == SIZE
    assert path.stat().st_blocks * 512 >= SIZE
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_given_up_once_and_comes_back(reserve: DiskReserve, path: Path) -> None:
    assert not reserve.give_up()
    reserve.refill()
    reserve.refill()
    assert reserve.give_up()
    assert not path.exists()
    reserve.refill()
    assert path.exists()


def test_it_is_not_made_where_there_is_little_room(
    reserve: DiskReserve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not reserve.is_disk_full()
    leave_free(monkeypatch, 8 * SIZE - 1)
    reserve.refill()
    assert not path.exists()
    assert not reserve.is_disk_full()
    leave_free(monkeypatch, SIZE // 2 - 1)
    assert reserve.is_disk_full()


def test_who_gave_it_up_restores_it_with_the_last_bytes(
    reserve: DiskReserve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve.refill()
    assert reserve.give_up()
    leave_free(monkeypatch, SIZE)
    DiskReserve(path, SIZE).refill()
    assert not path.exists()
    reserve.refill()
    assert path.stat().st_size == SIZE


def test_it_comes_back_smaller_where_others_ate_of_it(
    reserve: DiskReserve, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve.refill()
    assert reserve.give_up()
    leave_free(monkeypatch, module._SMALLEST - 1)
    reserve.refill()
    assert not path.exists(), "of no use to anybody"
    leave_free(monkeypatch, 100_000)
    reserve.refill()
    assert path.stat().st_size == 100_000
    leave_free(monkeypatch, 0)
    reserve.refill()
    assert path.stat().st_size == 100_000
    leave_free(monkeypatch, 50_000)
    reserve.refill()
    assert path.stat().st_size == 150_000
    leave_free(monkeypatch, 8 * SIZE)
    DiskReserve(path, SIZE).refill()
    assert path.stat().st_size == path.stat().st_blocks * 512 == SIZE


@pytest.mark.needs_root
def test_on_a_full_disk_it_takes_what_there_is(small_disk: Path) -> None:
    path = small_disk / "reserve"
    reserve = DiskReserve(path, SIZE)
    reserve.refill()
    assert path.stat().st_size == SIZE
    fill(small_disk)
    assert reserve.is_disk_full()
    assert reserve.give_up()
    with (small_disk / "other").open("wb", buffering=0) as other:
        other.write(bytes(90_000))
    reserve.refill()
    assert module._SMALLEST <= path.stat().st_size <= SIZE - 90_000
    assert path.stat().st_blocks * 512 >= path.stat().st_size
    path.unlink()
    fill(small_disk)
    DiskReserve(path, SIZE).refill()
    assert not path.exists(), "no room is no error"


def test_it_is_used_for_a_full_disk_only(reserve: DiskReserve, path: Path) -> None:
    reserve.refill()
    calls: list[int] = []

    def action(number: int) -> int:
        calls.append(number)
        if len(calls) < 3:
            raise KernelError("write", errno=number)
        return 7

    with pytest.raises(KernelError, match="write"):
        reserve.use_if_full(lambda: action(errno.EIO))
    assert path.exists()
    assert reserve.use_if_full(lambda: action(errno.ENOSPC)) == 7
    assert not path.exists()
    calls.clear()
    with pytest.raises(KernelError, match="write"):
        reserve.use_if_full(lambda: action(errno.ENOSPC))
    assert calls == [errno.ENOSPC]


def test_where_nothing_can_be_made_nothing_happens(tmp_path: Path) -> None:
    DiskReserve(tmp_path / "nowhere/reserve", SIZE).refill()
    (tmp_path / "file").touch()
    DiskReserve(tmp_path / "file/reserve", SIZE).refill()
    (tmp_path / "link").symlink_to("target")
    DiskReserve(tmp_path / "link", SIZE).refill()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]
