"""Root file systems of images, unpacked and mounted."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, FailedPrecondition, KernelError, NotFound, OrlopError
from orlop.image.contract import GC_ROOT, Step
from orlop.image.documents import read_image
from orlop.image.mount_records import mounted_images
from orlop.image.mounted import (
    ensure_unpacked,
    mount_snapshot,
    unmount_snapshot,
)
from orlop.snapshot.contract import Kind
from orlop.snapshot.mounting import mounted, unmount

from .fake_unpacker import FakeUnpacker
from .images import NAME, image_of
from .pulling import Watching, open_store, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.image.documents import Chosen
    from orlop.metadata.store import Store

_KINDS = ["fake", "native"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as store:
        yield store


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """A directory to mount at."""
    target = tmp_path / "target"
    target.mkdir()
    yield target
    with suppress(OrlopError):
        unmount(target)


def _image(store: Store, layers: int = 2) -> Chosen:
    """An image that is in the store, and has its name."""
    with store.lease() as lease:
        content = store.content(lease_id=lease.id)
        image = image_of(content, layers=layers)
        store.images.put(NAME, image)
    return read_image(store.content(), image, name=NAME)


def _unpack(store: Store, chosen: Chosen, kind: str, watching: Watching | None = None) -> str:
    watcher = watching.watcher if watching else None
    with store.lease() as lease:
        unpack = FakeUnpacker().unpack
        unpacked = run(ensure_unpacked(store, chosen, [kind], unpack, lease_id=lease.id, watcher=watcher))
    assert unpacked.snapshotter == kind
    return unpacked.snapshot


def _files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.iterdir())


@pytest.mark.parametrize("kind", _KINDS)
def test_an_image_of_the_store_is_unpacked_and_its_snapshots_stay(store: Store, kind: str) -> None:
    chosen, watching = _image(store), Watching()
    assert _unpack(store, chosen, kind, watching) == chosen.snapshot
    assert [event.step for event in watching.events].count(Step.UNPACKED) == 2
    store.collect()
    assert store.snapshotter(kind).info(chosen.snapshot).kind is Kind.COMMITTED
    assert _unpack(store, chosen, kind) == chosen.snapshot
    store.images.delete(NAME)
    store.collect()
    assert not list(store.snapshotter(kind).walk())


def test_collections_while_an_image_is_unpacked_take_nothing(store: Store, tmp_path: Path) -> None:
    chosen, unpacker = _image(store, layers=3), FakeUnpacker()
    with open_store(tmp_path) as other, store.lease() as lease:
        unpacker.step = lambda _words: None if not other.collect().records else pytest.fail("collected")
        name = run(ensure_unpacked(store, chosen, ["fake"], unpacker.unpack, lease_id=lease.id)).snapshot
        assert unpacker.jobs
        assert not other.collect().records
    assert store.snapshotter("fake").info(name).name == name


def test_an_image_without_layers_has_no_snapshot(store: Store) -> None:
    assert _unpack(store, _image(store, layers=0), "fake") == ""


def test_a_layer_that_is_not_in_the_store_is_told(store: Store) -> None:
    chosen = _image(store)
    store.content().delete(chosen.layers[1].descriptor.digest)
    with pytest.raises(NotFound, match=str(chosen.layers[1].descriptor.digest)):
        _unpack(store, chosen, "fake")
    assert all(info.kind is Kind.COMMITTED for info in store.snapshotter("fake").walk())
    store.collect()
    assert not list(store.snapshotter("fake").walk())


@pytest.mark.needs_root
@pytest.mark.parametrize("is_writable", [False, True])
def test_a_mount_stays_whatever_is_collected(store: Store, target: Path, is_writable: bool) -> None:
    name = _unpack(store, _image(store), "native")
    snapshotter = store.snapshotter("native")
    mount_snapshot(snapshotter, name, target, is_writable=is_writable)
    assert mounted(target)
    assert _files(target) == ["layer-0", "layer-1"]
    store.images.delete(NAME)
    store.collect()
    assert _files(target) == ["layer-0", "layer-1"]
    if is_writable:
        (target / "new").write_bytes(b"")
    else:
        with pytest.raises(OSError, match="Read-only file system"):
            (target / "new").write_bytes(b"")
    unmount_snapshot(snapshotter, target)
    assert not mounted(target)
    store.collect()
    assert not list(snapshotter.walk())


@pytest.mark.needs_root
def test_one_place_has_one_image(store: Store, target: Path) -> None:
    name = _unpack(store, _image(store), "native")
    snapshotter = store.snapshotter("native")
    mount_snapshot(snapshotter, name, target, is_writable=True)
    with pytest.raises(AlreadyExists) as caught:
        mount_snapshot(snapshotter, name, target, is_writable=False)
    assert str(caught.value) == f"{target}: an image is mounted there; orlop image unmount {target}"
    [found] = mounted_images(snapshotter)
    assert (found.target, found.image, found.is_writable, found.is_mounted) == (target, "", True, True)
    unmount_snapshot(snapshotter, target)
    assert mounted_images(snapshotter) == []
    with pytest.raises(NotFound, match="no image of this namespace and snapshotter is mounted there"):
        unmount_snapshot(snapshotter, target)


@pytest.mark.needs_root
@pytest.mark.parametrize("is_directory_gone", [False, True])
def test_after_a_restart_the_record_of_a_mount_can_be_removed(
    store: Store, target: Path, is_directory_gone: bool
) -> None:
    """The kernel's mounts end with it, and the snapshots do not."""
    name = _unpack(store, _image(store), "native")
    snapshotter = store.snapshotter("native")
    mount_snapshot(snapshotter, name, target, is_writable=False)
    unmount(target)
    with pytest.raises(AlreadyExists, match="an image was, before a restart or somebody's umount, mounted there"):
        mount_snapshot(snapshotter, name, target, is_writable=False)
    if is_directory_gone:
        target.rmdir()
    unmount_snapshot(snapshotter, target)
    assert [info.kind for info in snapshotter.walk()] == [Kind.COMMITTED] * 2
    if is_directory_gone:
        target.mkdir()
    mount_snapshot(snapshotter, name, target, is_writable=False)
    unmount_snapshot(snapshotter, target)


def test_what_cannot_be_mounted_leaves_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = _unpack(store, _image(store), "native")
    snapshotter = store.snapshotter("native")
    file = tmp_path / "file"
    file.touch()
    for place, kind in ((tmp_path / "gone", NotFound), (file, FailedPrecondition)):
        with pytest.raises(kind):
            mount_snapshot(snapshotter, name, place, is_writable=True)
    assert not any(GC_ROOT in info.labels for info in snapshotter.walk())

    def refuse(_key: str) -> None:
        raise KernelError("cannot remove: EBUSY")

    monkeypatch.setattr(snapshotter, "remove", refuse)
    with pytest.raises(NotFound) as caught:
        mount_snapshot(snapshotter, name, tmp_path / "gone", is_writable=True)
    assert caught.value.__notes__ == ["and its snapshot is still there: cannot remove: EBUSY"]
