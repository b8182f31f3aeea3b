"""Whether a snapshotter can work here."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from orlop.linux.errno_text import kernel_error
from orlop.linux.fstab_mount import attach, detach, mount_points_below
from orlop.snapshot import availability
from orlop.snapshot.availability import erofs_obstacle, overlay_obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs_root


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "base"
    yield path
    for mount_point in mount_points_below(str(path)):
        detach(mount_point)


def test_both_can_here_and_leave_nothing(base: Path) -> None:
    assert (overlay_obstacle(base), erofs_obstacle(base)) == ("", "")
    assert [path.name for path in base.iterdir()] == [".trial.lock"]
    assert mount_points_below(str(base)) == []


def test_the_kernels_answer_is_the_obstacle(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fstype: str, *_: object) -> None:
        raise kernel_error("fsopen", f'"{fstype}"', errno.ENODEV)

    monkeypatch.setattr(availability, "attach", refuse)
    assert overlay_obstacle(base) == (
        'fsopen "overlay": ENODEV (No such device); the kernel has no such file system or device'
    )
    assert erofs_obstacle(base).startswith('fsopen "overlay": ENODEV')
    assert mount_points_below(str(base)) == []


def test_a_kernel_that_reads_an_index_otherwise_is_an_obstacle(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "_CONTENT_OFFSET", 1024)
    write_layer = availability._write_layer

    def spoil(layer: Path) -> None:
        write_layer(layer)
        (layer / "layer.tar").write_bytes(bytes(4096))

    monkeypatch.setattr(availability, "_write_layer", spoil)
    assert erofs_obstacle(base) == "a file has another content through the mount"


def test_a_user_namespace_is_an_obstacle_for_erofs(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "is_in_user_namespace", lambda: True)
    assert erofs_obstacle(base) == "EROFS cannot be mounted in a user namespace"


def test_a_file_system_without_whiteouts_is_an_obstacle(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(availability, "_try_overlay", full)
    assert overlay_obstacle(base) == "ENOSPC (No space left on device)"


def test_what_a_crash_left_is_cleared_up(base: Path) -> None:
    (base / ".trial/merged").mkdir(parents=True)
    attach("tmpfs", "tmpfs", (), str(base / ".trial/merged"))
    assert overlay_obstacle(base) == ""
    assert mount_points_below(str(base)) == []
