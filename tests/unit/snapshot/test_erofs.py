"""The EROFS snapshotter, where the contract's suite does not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.layers import Layer, files_of, write_layer
from orlop.errors import FailedPrecondition
from orlop.linux.fstab_mount import detach, mount_points_below
from orlop.snapshot.contract import Kind, LayerForm
from orlop.snapshot.erofs import ErofsSnapshotter
from orlop.snapshot.mounting import mount_all, unmount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs_root


@pytest.fixture
def snapshotter(tmp_path: Path) -> Iterator[ErofsSnapshotter]:
    with ErofsSnapshotter(tmp_path / "root") as opened:
        yield opened
    for mount_point in mount_points_below(str(tmp_path)):
        detach(mount_point)


def add(snapshotter: ErofsSnapshotter, name: str, layer: Layer, parent: str | None = None) -> None:
    snapshotter.prepare("work")
    implied = write_layer(snapshotter.layer_target("work"), layer)
    snapshotter.commit(name, "work", parent=parent, implied=implied)


def test_layers_are_mounted_when_they_are_wanted_and_again_after_a_reboot(
    snapshotter: ErofsSnapshotter, tmp_path: Path
) -> None:
    add(snapshotter, "base", Layer(files={"a": b"1"}))
    add(snapshotter, "top", Layer(files={"b": b"2"}), "base")
    assert mount_points_below(str(tmp_path)) == []
    snapshotter.prepare("key", "top")
    expected = sorted(str(snapshotter.directory(number) / "fs") for number in (1, 2))
    assert sorted(mount_points_below(str(tmp_path))) == expected
    for mount_point in expected:
        detach(mount_point)
    target = tmp_path / "mnt"
    target.mkdir()
    mount_all(snapshotter.mounts("key"), target)
    assert files_of(target) == {"a": b"1", "b": b"2"}
    snapshotter.mounts("key")
    assert sorted(mount_points_below(str(snapshotter.root))) == expected
    unmount(target)
    for name in ("key", "top"):
        snapshotter.remove(name)
    assert mount_points_below(str(tmp_path)) == expected[:1]


def test_a_committed_layer_keeps_no_extracted_file(snapshotter: ErofsSnapshotter) -> None:
    add(snapshotter, "base", Layer(files={"a": b"1"}))
    directory = snapshotter.directory(1)
    assert sorted(path.name for path in (directory / "layer").iterdir()) == ["layer.erofs", "layer.tar"]
    assert list((directory / "fs").iterdir()) == []


def test_half_a_layer_is_not_committed(snapshotter: ErofsSnapshotter) -> None:
    snapshotter.prepare("work")
    target = snapshotter.layer_target("work").directory
    with pytest.raises(FailedPrecondition, match=r"layer: layer\.tar and layer\.erofs missing; unpack the layer"):
        snapshotter.commit("name", "work")
    (target / "layer.tar").touch()
    with pytest.raises(FailedPrecondition, match=r"layer: layer\.erofs missing"):
        snapshotter.commit("name", "work")
    write_layer(snapshotter.layer_target("work"), Layer(files={"a": b"1"}))
    (snapshotter.directory(1) / "fs/stray").touch()
    with pytest.raises(FailedPrecondition, match="it has a layer, and files beside it in fs"):
        snapshotter.commit("name", "work")
    assert snapshotter.info("work").kind is Kind.ACTIVE


def test_layers_and_upper_directories_mix(snapshotter: ErofsSnapshotter, tmp_path: Path) -> None:
    target = tmp_path / "mnt"
    target.mkdir()
    add(snapshotter, "base", Layer(files={"a": b"1", "b": b"2"}))
    mount_all(snapshotter.prepare("key", "base"), target)
    (target / "a").unlink()
    (target / "c").write_bytes(b"3")
    unmount(target)
    snapshotter.commit("written", "key")
    add(snapshotter, "top", Layer(files={"d": b"4"}, deleted=("b",)), "written")
    mount_all(snapshotter.view("look", "top"), target)
    assert files_of(target) == {"c": b"3", "d": b"4"}
    unmount(target)


def test_an_upper_directory_that_comes_to_its_parent_late_has_its_root(
    snapshotter: ErofsSnapshotter, tmp_path: Path
) -> None:
    target = tmp_path / "mnt"
    target.mkdir()
    add(snapshotter, "base", Layer(files={"a": b"1"}, root_mode=0o711))
    mount_all(snapshotter.prepare("key"), target)
    (target / "b").write_bytes(b"2")
    unmount(target)
    snapshotter.commit("top", "key", parent="base", implied=[b""])
    mount_all(snapshotter.view("look", "top"), target)
    assert target.stat().st_mode & 0o7777 == 0o711
    assert files_of(target) == {"a": b"1", "b": b"2"}
    unmount(target)


def test_a_layer_that_is_unpacked_on_its_parent_is_a_directory(snapshotter: ErofsSnapshotter, tmp_path: Path) -> None:
    add(snapshotter, "base", Layer(files={"a": b"1"}))
    snapshotter.prepare("key", "base")
    target = snapshotter.layer_target("key", on_parent=True)
    assert (target.form, target.directory) == (LayerForm.APPLIED, snapshotter.directory(2) / "fs")
    assert list(target.mounts) == snapshotter.mounts("key")
    place = tmp_path / "mnt"
    place.mkdir()
    mount_all(target.mounts, place)
    assert files_of(place) == {"a": b"1"}
    (place / "b").write_bytes(b"2")
    unmount(place)
    snapshotter.commit("top", "key")
    assert not (snapshotter.directory(2) / "layer").exists()
    assert files_of(snapshotter.directory(2) / "fs") == {"b": b"2"}
