"""Volumes: a tmpfs at the place that the image means, which is one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument
from orlop.image.volumes import VOLUMES_MAX, volume_mounts
from orlop.linux.root_open import RootDirectory

if TYPE_CHECKING:
    from pathlib import Path


def _mounts(rootfs: Path, *volumes: str, taken: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    with RootDirectory(rootfs) as root:
        return volume_mounts(root, volumes, taken=taken)


def _destinations(rootfs: Path, *volumes: str, taken: tuple[str, ...] = ()) -> list[str]:
    return [mount["destination"] for mount in _mounts(rootfs, *volumes, taken=taken)]


def test_a_volume_is_a_tmpfs_that_begins_with_the_images_content(tmp_path: Path) -> None:
    assert _mounts(tmp_path, "/data") == [
        {"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "tmpcopyup"]}
    ]


def test_volumes_above_come_first_and_none_comes_twice(tmp_path: Path) -> None:
    assert _destinations(tmp_path, "/b/c", "b/", "/a/../b", "/a") == ["/a", "/b", "/b/c"]


def test_threat_j_a_volume_is_resolved_in_the_image(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("../../../data")
    assert _destinations(tmp_path, "/link", "/../../data/x") == ["/data", "/data/x"]


def test_what_is_mounted_already_is_no_volume(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    assert _destinations(tmp_path, "/data", "/x", taken=("/link",)) == ["/x"]


@pytest.mark.parametrize(
    "volume", ["/", "", "..", "/proc", "/proc/self/fd", "/sys/fs/cgroup", "/dev", "/dev/shm", "/root-link"]
)
def test_threat_c_a_volume_is_not_the_root_or_the_kernels(tmp_path: Path, volume: str) -> None:
    (tmp_path / "root-link").symlink_to("/proc/../sys")
    with pytest.raises(InvalidArgument, match=r"^config\.Volumes: .* (which can be no volume|is empty)"):
        _mounts(tmp_path, volume)


def test_names_that_only_look_like_the_kernels_are_fine(tmp_path: Path) -> None:
    assert _destinations(tmp_path, "/process", "/devel") == ["/devel", "/process"]


def test_threat_m_a_control_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r'^config\.Volumes: "/a\\nb" is empty or holds a control character$'):
        _mounts(tmp_path, "/a\nb")


def test_a_file_is_no_volume(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidArgument, match=r'"/file" is no directory in the image'):
        _mounts(tmp_path, "/file")
    with pytest.raises(FailedPrecondition, match="/file is not a directory"):
        _mounts(tmp_path, "/file/x")


def test_threat_i_volumes_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="1025 volumes are more than 1024"):
        _mounts(tmp_path, *(f"/{number}" for number in range(VOLUMES_MAX + 1)))
