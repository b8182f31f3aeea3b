"""Which snapshotter is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument, Unavailable
from orlop.snapshot import choice
from orlop.snapshot.choice import NAMES, Availability, open_snapshotter, survey
from orlop.snapshot.overlay import OverlaySnapshotter

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def obstacles(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What stands in the way of a snapshotter; nothing, unless a test says so."""
    found = {"erofs": "", "overlayfs": ""}
    monkeypatch.setattr(choice, "erofs_obstacle", lambda _: found["erofs"])
    monkeypatch.setattr(choice, "overlay_obstacle", lambda _: found["overlayfs"])
    return found


def test_auto_takes_the_first_that_can_work(tmp_path: Path, obstacles: dict[str, str]) -> None:
    for name in NAMES:
        with open_snapshotter("auto", tmp_path) as snapshotter:
            assert snapshotter.name == name
            assert snapshotter.root == tmp_path / name
        obstacles[name] = "no"
        (tmp_path / f".{name}-works").unlink(missing_ok=True)


def test_what_worked_is_not_tried_again_in_the_same_boot(
    tmp_path: Path, obstacles: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert survey(tmp_path)[0].obstacle == ""
    obstacles["erofs"] = "no"
    assert survey(tmp_path)[0].obstacle == ""
    monkeypatch.setattr(choice, "boot_id", lambda: "another")
    assert survey(tmp_path)[0].obstacle == "no"
    obstacles["erofs"] = ""
    assert survey(tmp_path)[0].obstacle == ""


@pytest.mark.parametrize("name", NAMES)
def test_one_that_is_named_is_used(tmp_path: Path, obstacles: dict[str, str], name: str) -> None:
    assert obstacles[name] == "" if name in obstacles else name == "native"
    with open_snapshotter(name, tmp_path) as snapshotter:
        assert snapshotter.name == name


def test_one_that_cannot_work_says_why(tmp_path: Path, obstacles: dict[str, str]) -> None:
    obstacles["erofs"] = "the kernel has no EROFS"
    with pytest.raises(Unavailable) as caught:
        open_snapshotter("erofs", tmp_path)
    assert str(caught.value) == (
        f"snapshotter erofs cannot work in {tmp_path}: the kernel has no EROFS; use --snapshotter auto"
    )
    assert survey(tmp_path) == [
        Availability("erofs", "the kernel has no EROFS"),
        Availability("overlayfs", ""),
        Availability("native", ""),
    ]


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidArgument, match=r'^--snapshotter: "btrfs" is none; use one of auto, erofs, overlayfs, nat'
    ):
        open_snapshotter("btrfs", tmp_path)


def test_volatile_goes_to_the_one_that_can(tmp_path: Path, obstacles: dict[str, str]) -> None:
    del obstacles
    with open_snapshotter("overlayfs", tmp_path, volatile=True) as snapshotter:
        assert isinstance(snapshotter, OverlaySnapshotter)
        assert snapshotter._volatile
    with open_snapshotter("overlayfs", tmp_path) as snapshotter:
        assert isinstance(snapshotter, OverlaySnapshotter)
        assert not snapshotter._volatile
