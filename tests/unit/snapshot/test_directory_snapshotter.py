"""What the snapshotters have in common, where the contract's suite does not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, InvalidArgument, KernelError, NotFound
from orlop.linux import mount_call
from orlop.linux.fstab_mount import attach, detach
from orlop.snapshot import directory_snapshotter as module
from orlop.snapshot.contract import Kind, LayerTarget, Mount
from orlop.snapshot.directory_snapshotter import DirectorySnapshotter
from unit.full_disk import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.snapshot.implied_directories import Apart


class _Snapshotter(DirectorySnapshotter):
    name = "simple"
    takes_layers_apart = False

    def layer_target(self, key: str, *, on_parent: bool = False) -> LayerTarget:
        raise NotImplementedError

    def _fill(self, directory: Path, kind: Kind, parents: list[Path]) -> None:
        (directory / kind.value).write_text(" ".join(parent.name for parent in parents))

    def _settle(self, directory: Path, apart: Apart, parents: list[Path]) -> None:
        (directory / "apart").write_text(f"{[list(one) for one in apart]} {[parent.name for parent in parents]}")

    def _mounts(self, directory: Path, kind: Kind, parents: list[Path]) -> list[Mount]:
        del kind, parents
        return [Mount(type="bind", source=str(directory))]


@pytest.fixture
def snapshotter(tmp_path: Path) -> Iterator[_Snapshotter]:
    with _Snapshotter(tmp_path / "root") as opened:
        yield opened


def test_a_root_that_mount_options_cannot_carry_is_refused(tmp_path: Path) -> None:
    for name in ("a,b", "a:b", "a\\b", 'a"b', "a\nb"):
        with pytest.raises(InvalidArgument, match="the path of a snapshotter has no comma, colon"):
            _Snapshotter(tmp_path / name)
        assert not (tmp_path / name).exists()


def test_the_root_is_for_its_owner_and_has_no_links_in_its_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with _Snapshotter(tmp_path / "link/root") as opened:
        assert opened.root == tmp_path / "real/root"
        assert opened.root.stat().st_mode & 0o777 == 0o700
        mounts = opened.prepare("key")
    assert mounts[0].source == str(tmp_path / "real/root/snapshots/1")


def test_implied_directories_are_looked_for_in_all_that_is_below(snapshotter: _Snapshotter) -> None:
    for name, parent in (("base", ""), ("middle", "base"), ("top", "middle")):
        snapshotter.prepare(f"{name}-work", parent)
        snapshotter.commit(name, f"{name}-work", implied=[b"a"])
    assert not (snapshotter.directory(1) / "apart").exists()
    assert (snapshotter.directory(2) / "apart").read_text() == "[[b'a'], [], []] ['1']"
    assert (snapshotter.directory(3) / "apart").read_text() == "[[b'a'], [], []] ['2', '1']"


def test_deletions_are_looked_at_in_the_lowest_layer_too(snapshotter: _Snapshotter) -> None:
    snapshotter.prepare("work")
    snapshotter.commit("base", "work", implied=[b""], passed=[b"b"], deleting=[b"c"])
    assert (snapshotter.directory(1) / "apart").read_text() == "[[b''], [b'b'], [b'c']] []"
    snapshotter.prepare("work", "base")
    snapshotter.commit("top", "work", passed=[b"b"])
    assert (snapshotter.directory(2) / "apart").read_text() == "[[], [b'b'], []] ['1']"


def test_parents_are_given_the_nearest_first(snapshotter: _Snapshotter) -> None:
    for name, parent in (("one", ""), ("two", "one"), ("three", "two")):
        snapshotter.prepare(f"{name}-work", parent)
        snapshotter.commit(name, f"{name}-work")
    assert (snapshotter.directory(3) / "Active").read_text() == "2 1"


def test_what_cannot_be_made_leaves_nothing(snapshotter: _Snapshotter, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(directory: Path, *_: object) -> None:
        (directory / "half").touch()
        raise OSError(28, "full", str(directory))

    monkeypatch.setattr(snapshotter, "_fill", full)
    with pytest.raises(
        KernelError, match=r'^cannot make snapshot "key": .*/snapshots/1: ENOSPC \(No space left'
    ) as caught:
        snapshotter.prepare("key")
    assert caught.value.errno == 28
    monkeypatch.undo()
    assert list(snapshotter.walk()) == []
    assert list((snapshotter.root / "snapshots").iterdir()) == []
    snapshotter.prepare("key")


def test_what_cannot_be_cleared_up_either_is_noted_and_left_for_cleanup(
    snapshotter: _Snapshotter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "broken")

    monkeypatch.setattr(snapshotter, "_fill", fail)
    monkeypatch.setattr(module, "remove_tree", fail)
    with pytest.raises(KernelError, match=r"^cannot make snapshot") as caught:
        snapshotter.prepare("key")
    assert caught.value.__notes__[0].startswith("and what was made of it is left for cleanup: cannot remove ")
    monkeypatch.undo()
    assert snapshotter.cleanup() > 0
    assert list((snapshotter.root / "removed").iterdir()) == []


def test_a_name_that_a_crash_left_is_free_again_and_one_in_the_making_is_not(snapshotter: _Snapshotter) -> None:
    crashed = snapshotter._records.insert("key", Kind.ACTIVE, "", {}, lambda _: None)
    snapshotter.directory(crashed).mkdir()
    with snapshotter._locks.hold(crashed):
        with pytest.raises(AlreadyExists, match='"key" exists already'):
            snapshotter.prepare("key")
        assert snapshotter.cleanup() == 0
        assert snapshotter.directory(crashed).exists()
    snapshotter.prepare("key")
    assert not snapshotter.directory(crashed).exists()
    crashed = snapshotter._records.insert("name", Kind.ACTIVE, "", {}, lambda _: None)
    snapshotter.commit("name", "key")
    assert snapshotter.info("name").kind is Kind.COMMITTED


def test_a_child_that_a_crash_left_keeps_its_parent_from_nothing(snapshotter: _Snapshotter) -> None:
    snapshotter.prepare("key")
    snapshotter.commit("base", "key")
    crashed = snapshotter._records.insert("child", Kind.ACTIVE, "base", {}, lambda _: None)
    snapshotter.directory(crashed).mkdir()
    snapshotter.remove("base")
    assert list((snapshotter.root / "snapshots").iterdir()) == []


def test_cleanup_goes_on_with_a_removal(snapshotter: _Snapshotter) -> None:
    snapshotter.prepare("key")
    snapshotter._records.start_removal(1)
    snapshotter.directory(1).rename(snapshotter.root / "removed/1")
    assert snapshotter.cleanup() > 0
    assert snapshotter._records.by_id(1) is None
    with pytest.raises(NotFound):
        snapshotter.info("key")


def test_a_commit_writes_the_file_system_out_before_the_record(
    snapshotter: _Snapshotter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        assert snapshotter.info("key").kind is Kind.ACTIVE
        raise KernelError("syncfs: EIO")

    snapshotter.prepare("key")
    monkeypatch.setattr(mount_call, "syncfs", broken)
    with pytest.raises(KernelError, match=r"^syncfs: EIO$"):
        snapshotter.commit("name", "key")
    assert snapshotter.info("key").kind is Kind.ACTIVE


@pytest.mark.needs_root
def test_a_snapshot_can_be_removed_on_a_full_disk(tmp_path: Path) -> None:
    attach("tmpfs", "tmpfs", ("size=4m",), str(tmp_path))
    reserve = tmp_path / "root/reserve"
    try:
        with _Snapshotter(tmp_path / "root") as snapshotter:
            snapshotter.prepare("key")
            snapshotter.prepare("other")
        fill(tmp_path)
        whole = reserve.stat().st_blocks
        with _Snapshotter(tmp_path / "root") as snapshotter:  # which opens the database on the full disk too
            assert 0 < reserve.stat().st_blocks < whole
            snapshotter.remove("key")
            assert reserve.stat().st_blocks > 0
            assert [info.name for info in snapshotter.walk()] == ["other"]
    finally:
        detach(str(tmp_path))
