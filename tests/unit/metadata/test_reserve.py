"""The reserve: made where there is room, given up once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.metadata import reserve as module
from orlop.metadata.reserve import SIZE, Reserve

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_holds_real_blocks(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    Reserve(path).refill()
    assert path.stat().st_size == SIZE
    assert path.stat().st_blocks * 512 >= SIZE
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_given_up_once_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    reserve = Reserve(path)
    assert not reserve.give_up()
    reserve.refill()
    reserve.refill()
    assert reserve.give_up()
    assert not path.exists()
    reserve.refill()
    assert path.exists()


def test_it_is_not_made_where_there_is_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = Reserve(tmp_path / "reserve")
    assert not reserve.is_disk_full()
    monkeypatch.setattr(Reserve, "_free", lambda _: module._AMPLE - 1)
    reserve.refill()
    assert not (tmp_path / "reserve").exists()
    assert not reserve.is_disk_full()
    monkeypatch.setattr(Reserve, "_free", lambda _: SIZE // 2 - 1)
    assert reserve.is_disk_full()


def test_who_gave_it_up_restores_it_with_the_last_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reserve"
    Reserve(path).refill()
    ours = Reserve(path)
    assert ours.give_up()
    monkeypatch.setattr(Reserve, "_free", lambda _: SIZE)
    Reserve(path).refill()
    assert not path.exists()
    ours.refill()
    assert path.exists()
