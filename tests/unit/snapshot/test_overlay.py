"""The overlayfs snapshotter: options and mounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orlop.errors import FailedPrecondition
from orlop.linux.fstab_mount import is_mount_point
from orlop.snapshot import overlay
from orlop.snapshot.contract import Kind, LayerForm, Mount
from orlop.snapshot.mounting import mount_all, unmount
from orlop.snapshot.overlay import (
    OverlaySnapshotter,
    overlay_mounts,
    overlay_options,
)

_ROOT = Path("/root/snapshots/3")
_LOWER = [Path("/root/snapshots/2/fs"), Path("/root/snapshots/1/fs")]


def test_an_overlay_has_its_options_in_containerds_order() -> None:
    expected = (
        "index=off",
        "workdir=/root/snapshots/3/work",
        "upperdir=/root/snapshots/3/fs",
        "lowerdir=/root/snapshots/2/fs:/root/snapshots/1/fs",
    )
    mounts = overlay_mounts(_ROOT, Kind.ACTIVE, _LOWER, ["index=off"])
    assert mounts == [Mount(type="overlay", source="overlay", options=expected)]
    mounts = overlay_mounts(_ROOT, Kind.VIEW, _LOWER, ["index=off"])
    assert mounts == [Mount(type="overlay", source="overlay", options=(expected[0], expected[3]))]


def test_one_directory_is_a_bind_mount() -> None:
    assert overlay_mounts(_ROOT, Kind.ACTIVE, [], ["index=off"]) == [
        Mount(type="bind", source="/root/snapshots/3/fs", options=("rw", "rbind"))
    ]
    assert overlay_mounts(_ROOT, Kind.VIEW, _LOWER[:1], ["index=off"]) == [
        Mount(type="bind", source="/root/snapshots/2/fs", options=("ro", "rbind"))
    ]
    assert overlay_mounts(_ROOT, Kind.VIEW, [], []) == [
        Mount(type="bind", source="/root/snapshots/3/fs", options=("ro", "rbind"))
    ]
    assert overlay_mounts(_ROOT, Kind.ACTIVE, _LOWER[:1], [])[0].type == "overlay"


def test_options_are_those_that_the_kernel_has(tmp_path: Path) -> None:
    assert overlay_options(user_xattr=False, parameters=tmp_path) == ()
    assert overlay_options(user_xattr=True, parameters=tmp_path) == ("userxattr",)
    for name in ("index", "metacopy", "redirect_dir", "xino_auto"):
        (tmp_path / name).touch()
    self_contained = ("index=off", "metacopy=off", "redirect_dir=nofollow")
    assert overlay_options(user_xattr=False, parameters=tmp_path) == self_contained
    assert overlay_options(user_xattr=True, parameters=tmp_path) == ("index=off", "userxattr")


def test_the_umask_changes_no_modes(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        overlay.make_upper_directory(tmp_path, Kind.ACTIVE)
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o7777 for name in ("fs", "work")] == [0o755, 0o711]


def _with_a_base(snapshotter: OverlaySnapshotter) -> None:
    snapshotter.prepare("work")
    snapshotter.commit("base", "work")


@pytest.mark.needs_root
def test_a_volatile_snapshot_can_be_mounted_again_until_the_host_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "mnt"
    target.mkdir()
    with OverlaySnapshotter(tmp_path / "root", volatile=True) as snapshotter:
        _with_a_base(snapshotter)
        snapshotter.prepare("key", "base")
        for _ in range(2):
            mounts = snapshotter.mounts("key")
            assert "volatile" in mounts[0].options
            mount_all(mounts, target)
            (target / "file").write_text("kept")
            unmount(target)
        assert "volatile" not in snapshotter.view("look", "base")[0].options
        assert "volatile" not in snapshotter.prepare("alone")[0].options
        monkeypatch.setattr(overlay, "boot_id", lambda: "another")
        with pytest.raises(FailedPrecondition, match="the host has restarted since this volatile snapshot was written"):
            snapshotter.mounts("key")
        monkeypatch.undo()
        snapshotter.commit("written", "key")
        mount_all(snapshotter.view("end", "written"), target)
        assert (target / "file").read_text() == "kept"
        unmount(target)
    assert not is_mount_point(str(target))


@pytest.mark.needs_root
def test_snapshots_are_not_volatile_unless_asked(tmp_path: Path) -> None:
    with OverlaySnapshotter(tmp_path / "root") as snapshotter:
        _with_a_base(snapshotter)
        assert "volatile" not in snapshotter.prepare("key", "base")[0].options


@pytest.mark.needs_root
def test_a_layer_on_its_parent_goes_into_the_overlay_of_its_snapshot(tmp_path: Path) -> None:
    with OverlaySnapshotter(tmp_path / "root") as snapshotter:
        snapshotter.prepare("work")
        assert snapshotter.layer_target("work").mounts == ()
        snapshotter.commit("base", "work")
        mounts = snapshotter.prepare("key", "base")
        target = snapshotter.layer_target("key", on_parent=True)
        assert target.form is LayerForm.APPLIED
        assert target.directory == snapshotter.directory(2) / "fs"
        assert list(target.mounts) == mounts
