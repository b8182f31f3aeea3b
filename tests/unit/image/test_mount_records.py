"""Where images are mounted, and when that is over."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from orlop.errors import OrlopError
from orlop.image import mount_records
from orlop.image.contract import GC_ROOT
from orlop.image.mount_records import forget_ended_mounts, mounted_images
from orlop.image.mounted import mount_snapshot, unmount_snapshot
from orlop.linux.fstab_mount import attach
from orlop.snapshot.contract import Kind
from orlop.snapshot.mounting import unmount

from .images import NAME
from .pulling import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.metadata.store import Store

SNAPSHOT = "image"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a snapshot, as of an image."""
    with open_store(tmp_path) as store:
        snapshotter = store.snapshotter("native")
        snapshotter.prepare("making")
        snapshotter.commit(SNAPSHOT, "making", labels={GC_ROOT: "test"})
        yield store


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """A directory to mount at."""
    target = tmp_path / "target"
    target.mkdir()
    yield target
    with suppress(OrlopError):
        unmount(target)


@pytest.mark.needs_root
def test_what_somebody_unmounted_is_collected_when_nobody_has_it(store: Store, target: Path, tmp_path: Path) -> None:
    snapshotter = store.snapshotter("native")
    mount_snapshot(snapshotter, SNAPSHOT, target, is_writable=True, image=NAME)
    inside = tmp_path / "inside"  # as a container has a directory of it
    inside.mkdir()
    (target / "directory").mkdir()
    attach("", str(target / "directory"), ["bind"], str(inside))
    try:
        unmount(target)
        forget_ended_mounts(snapshotter)
        store.collect()
        [found] = mounted_images(snapshotter)
        assert (found.image, found.is_mounted) == (NAME, False)
    finally:
        unmount(inside)
    store.collect()
    assert mounted_images(snapshotter), "a collection alone does not look at mounts"
    forget_ended_mounts(snapshotter)
    store.collect()
    assert mounted_images(snapshotter) == []
    mount_snapshot(snapshotter, SNAPSHOT, target, is_writable=False)
    unmount_snapshot(snapshotter, target)


@pytest.mark.needs_root
def test_only_a_restart_or_its_own_namespace_says_that_a_mount_is_over(
    store: Store, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshotter = store.snapshotter("native")
    mount_snapshot(snapshotter, SNAPSHOT, target, is_writable=True)
    forget_ended_mounts(snapshotter)
    assert all(GC_ROOT in info.labels for info in snapshotter.walk() if info.kind is Kind.ACTIVE)
    unmount(target)
    with monkeypatch.context() as patch:
        patch.setattr(mount_records, "mount_namespace", lambda: "mnt:[1]")
        forget_ended_mounts(snapshotter)
        store.collect()
        assert mounted_images(snapshotter)
        patch.setattr(mount_records, "boot_id", lambda: "another")
        forget_ended_mounts(snapshotter)
    store.collect()
    assert mounted_images(snapshotter) == []
