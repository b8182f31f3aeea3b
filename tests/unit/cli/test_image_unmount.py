"""`orlop image unmount`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.snapshot.mounting import mounted

from .test_image_mount import unmounted

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Orlop


@pytest.mark.needs_root
def test_whatever_snapshotter_it_was_mounted_with(orlop: Orlop, tmp_path: Path) -> None:
    orlop.put("docker.io/library/a:1")
    with unmounted(orlop, tmp_path / "t"):
        (tmp_path / "t").mkdir()
        orlop.out("--snapshotter", "native", "image", "mount", "a:1", str(tmp_path / "t"))
        assert orlop("image", "unmount", str(tmp_path / "t"), "--format", "json").json == {
            "target": str(tmp_path / "t")
        }
        assert not mounted(tmp_path / "t")
        assert list((tmp_path / "t").iterdir()) == []


@pytest.mark.needs_root
def test_a_mount_of_another_namespace_is_not_found(orlop: Orlop, tmp_path: Path) -> None:
    orlop.put("docker.io/library/a:1")
    with unmounted(orlop, tmp_path / "t"):
        (tmp_path / "t").mkdir()
        orlop.out("image", "mount", "a:1", str(tmp_path / "t"))
        assert orlop.error("-n", "other", "image", "unmount", str(tmp_path / "t")) == (
            f'{tmp_path}/t: no image of namespace "other" is mounted there'
        )


def test_where_nothing_is_mounted(orlop: Orlop, tmp_path: Path) -> None:
    assert orlop.error("image", "unmount", str(tmp_path)) == (
        f'{tmp_path}: no image of namespace "default" is mounted there'
    )
