"""The contract of snapshotters (snapshot/contract.py), for every implementation."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orlop.linux.fstab_mount import detach, mount_points_below
from orlop.snapshot.contract import Kind, LayerForm
from orlop.snapshot.mounting import mount_all, unmount

from .layers import Layer, files_of, write_layer
from .snapshot_worker import BASE, BOTH, IMPLEMENTATIONS, make_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.snapshot.contract import Mount
    from orlop.snapshot.directory_snapshotter import DirectorySnapshotter

pytestmark = pytest.mark.needs_root

_TESTS = Path(__file__).resolve().parents[1]
_DEADLINE_S = 120
_CRASHES = 40


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "snapshotter"
    yield path
    for mount_point in mount_points_below(str(tmp_path)):
        detach(mount_point)


@pytest.fixture(params=IMPLEMENTATIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def snapshotter(name: str, root: Path) -> Iterator[DirectorySnapshotter]:
    with IMPLEMENTATIONS[name](root) as opened:
        yield opened


@pytest.fixture
def image(snapshotter: DirectorySnapshotter) -> DirectorySnapshotter:
    """A snapshotter with an image of two layers, `base` and `top`."""
    make_image(snapshotter)
    return snapshotter


def seen(mounts: list[Mount], target: Path) -> dict[str, bytes]:
    """What is there when the mounts are made."""
    target.mkdir(exist_ok=True)
    mount_all(mounts, target)
    try:
        return files_of(target)
    finally:
        unmount(target)


def add_layer(snapshotter: DirectorySnapshotter, name: str, layer: Layer, parent: str = "") -> None:
    snapshotter.prepare(f"{name}-work", parent)
    implied = write_layer(snapshotter.layer_target(f"{name}-work"), layer)
    snapshotter.commit(name, f"{name}-work", implied=implied)


def numbers(snapshotter: DirectorySnapshotter) -> set[int]:
    return {int(path.name) for path in (snapshotter.root / "snapshots").iterdir()}


# Kinds, names and parents.


def test_a_snapshot_goes_from_active_to_committed(snapshotter: DirectorySnapshotter) -> None:
    snapshotter.prepare("key", labels={"a": "1"})
    active = snapshotter.info("key")
    assert (active.kind, active.parent, active.labels) == (Kind.ACTIVE, "", {"a": "1"})
    write_layer(snapshotter.layer_target("key"), BASE)
    snapshotter.commit("name", "key", labels={"b": "2"})
    committed = snapshotter.info("name")
    assert (committed.kind, committed.parent, committed.labels) == (Kind.COMMITTED, "", {"b": "2"})
    assert committed.updated_at >= committed.created_at == active.created_at > 0
    with pytest.raises(NotFound, match=r'^there is no snapshot "key"$'):
        snapshotter.info("key")


def test_a_view_is_of_its_own_kind(image: DirectorySnapshotter) -> None:
    image.view("look", "top")
    assert (image.info("look").kind, image.info("look").parent) == (Kind.VIEW, "top")
    for wrong in (lambda: image.commit("x", "look"), lambda: image.layer_target("look")):
        with pytest.raises(FailedPrecondition, match=r'^snapshot "look" is view, not active'):
            wrong()


def test_unknown_names_are_not_found(snapshotter: DirectorySnapshotter) -> None:
    for call in (
        lambda: snapshotter.info("no"),
        lambda: snapshotter.mounts("no"),
        lambda: snapshotter.usage("no"),
        lambda: snapshotter.remove("no"),
        lambda: snapshotter.layer_target("no"),
        lambda: snapshotter.update_labels("no", {"a": "1"}),
        lambda: snapshotter.commit("x", "no"),
        lambda: snapshotter.prepare("key", "no"),
        lambda: snapshotter.view("key", "no"),
    ):
        with pytest.raises(NotFound, match=r'^there is no snapshot "no"$'):
            call()
    assert list(snapshotter.walk()) == []


def test_names_and_keys_share_one_name_space(image: DirectorySnapshotter) -> None:
    image.prepare("key", "top")
    for call in (
        lambda: image.prepare("key"),
        lambda: image.view("key", "top"),
        lambda: image.prepare("top"),
        lambda: image.commit("top", "key"),
    ):
        with pytest.raises(AlreadyExists, match=r'^snapshot "(key|top)" exists already$'):
            call()
    assert image.info("key").kind is Kind.ACTIVE


def test_a_commit_may_keep_the_name(snapshotter: DirectorySnapshotter) -> None:
    snapshotter.prepare("same")
    write_layer(snapshotter.layer_target("same"), BASE)
    snapshotter.commit("same", "same")
    assert snapshotter.info("same").kind is Kind.COMMITTED


@pytest.mark.parametrize("bad", ["", "x" * 1025])
def test_names_have_a_length(snapshotter: DirectorySnapshotter, bad: str) -> None:
    snapshotter.prepare("key")
    for call in (lambda: snapshotter.prepare(bad), lambda: snapshotter.commit(bad, "key")):
        with pytest.raises(InvalidArgument, match="is no name of a snapshot: 1 to 1024 bytes are"):
            call()


def test_only_what_is_committed_is_a_parent(image: DirectorySnapshotter) -> None:
    image.prepare("active", "top")
    image.view("look", "top")
    for parent in ("active", "look"):
        with pytest.raises(FailedPrecondition, match="cannot be a parent"):
            image.prepare("key", parent)
    with pytest.raises(FailedPrecondition, match="cannot mount snapshot"):
        image.mounts("top")
    with pytest.raises(FailedPrecondition, match="is committed, not active"):
        image.layer_target("top")


def test_what_has_children_stays(image: DirectorySnapshotter) -> None:
    image.prepare("key", "top")
    with pytest.raises(FailedPrecondition, match=r'^cannot remove snapshot "base": "top" is on top of it; remove that'):
        image.remove("base")
    for name in ("key", "top", "base"):
        image.remove(name)
    assert list(image.walk()) == []
    assert numbers(image) == set()


def test_a_walk_has_parents_before_children(image: DirectorySnapshotter) -> None:
    image.view("look", "top", labels={"a": "1"})
    image.prepare("alone")
    walked = list(image.walk())
    assert sorted(info.name for info in walked) == ["alone", "base", "look", "top"]
    place = {info.name: index for index, info in enumerate(walked)}
    assert all(place[info.parent] < place[info.name] for info in walked if info.parent)
    assert walked[place["look"]] == image.info("look")


def test_labels_are_set_and_removed(snapshotter: DirectorySnapshotter) -> None:
    snapshotter.prepare("key", labels={"a": "1", "b": "2", "c": "3"})
    changed = snapshotter.update_labels("key", {"a": None, "b": "4", "d": "5"})
    assert changed.labels == {"b": "4", "c": "3", "d": "5"}
    assert snapshotter.info("key") == changed
    assert changed.updated_at > changed.created_at


def test_another_one_sees_the_same(image: DirectorySnapshotter, name: str, root: Path) -> None:
    with IMPLEMENTATIONS[name](root) as other:
        assert list(other.walk()) == list(image.walk())
        other.prepare("key", "top")
    assert image.info("key").parent == "top"


# Layers and mounts.


def test_the_layers_of_an_image_make_its_files(image: DirectorySnapshotter, tmp_path: Path) -> None:
    assert seen(image.view("look", "top"), tmp_path / "mnt") == BOTH
    assert seen(image.view("below", "base"), tmp_path / "mnt") == BASE.files
    assert seen(image.prepare("key", "top"), tmp_path / "mnt") == BOTH
    assert seen(image.mounts("key"), tmp_path / "mnt") == BOTH


def test_an_active_snapshot_can_be_written(image: DirectorySnapshotter, tmp_path: Path) -> None:
    mounts = image.prepare("key", "top")
    target = tmp_path / "mnt"
    target.mkdir()
    mount_all(mounts, target)
    (target / "own").write_bytes(b"own")
    (target / "etc/passwd").unlink()
    unmount(target)
    assert seen(image.mounts("key"), target) == {"own": b"own"}
    assert seen(image.prepare("other", "top"), target) == BOTH


def test_a_view_cannot_be_written(image: DirectorySnapshotter, tmp_path: Path) -> None:
    target = tmp_path / "mnt"
    target.mkdir()
    for parent in ("base", "top"):
        mount_all(image.view(f"look-{parent}", parent), target)
        with pytest.raises(OSError, match="Read-only file system"):
            (target / "own").write_bytes(b"own")
        unmount(target)


def test_what_a_container_wrote_becomes_a_layer(image: DirectorySnapshotter, tmp_path: Path) -> None:
    target = tmp_path / "mnt"
    target.mkdir()
    mount_all(image.prepare("key", "top"), target)
    (target / "etc/passwd").unlink()
    (target / "srv").mkdir()
    (target / "srv/data").write_bytes(b"data")
    unmount(target)
    image.commit("written", "key")
    assert image.info("written").parent == "top"
    assert seen(image.view("look", "written"), target) == {"srv/data": b"data"}
    assert seen(image.prepare("next", "written"), target) == {"srv/data": b"data"}


def test_a_snapshot_without_parent_is_an_empty_directory(snapshotter: DirectorySnapshotter, tmp_path: Path) -> None:
    target = tmp_path / "mnt"
    assert seen(snapshotter.prepare("key"), target) == {}
    mount_all(snapshotter.mounts("key"), target)
    assert target.stat().st_mode & 0o7777 == 0o755
    (target / "file").write_bytes(b"1")
    unmount(target)
    snapshotter.commit("name", "key")
    assert seen(snapshotter.view("look", "name"), target) == {"file": b"1"}


def test_the_root_directory_is_what_the_uppermost_layer_with_an_entry_of_it_says(
    snapshotter: DirectorySnapshotter, tmp_path: Path
) -> None:
    target = tmp_path / "mnt"
    target.mkdir()
    add_layer(snapshotter, "one", Layer(files={"a": b"1"}, root_mode=0o711))
    snapshotter.prepare("work", "" if snapshotter.takes_layers_apart else "one")
    implied = write_layer(snapshotter.layer_target("work"), Layer(files={"b": b"2"}))
    snapshotter.commit("two", "work", parent="one" if snapshotter.takes_layers_apart else None, implied=implied)
    for mounts in (snapshotter.view("look", "two"), snapshotter.prepare("key", "two"), snapshotter.mounts("look")):
        mount_all(mounts, target)
        assert target.stat().st_mode & 0o7777 == 0o711
        assert files_of(target) == {"a": b"1", "b": b"2"}
        unmount(target)


def test_a_hundred_and_thirty_layers_are_one_file_system(snapshotter: DirectorySnapshotter, tmp_path: Path) -> None:
    parent = ""
    for number in range(130):
        add_layer(snapshotter, f"layer-{number}", Layer(files={f"file-{number}": b"x"}), parent)
        parent = f"layer-{number}"
    expected = {f"file-{number}": b"x" for number in range(130)}
    assert seen(snapshotter.prepare("key", parent), tmp_path / "mnt") == expected
    assert seen(snapshotter.view("look", parent), tmp_path / "mnt") == expected


def test_layers_apart_come_together_at_commit(snapshotter: DirectorySnapshotter, tmp_path: Path) -> None:
    snapshotter.prepare("one")
    write_layer(snapshotter.layer_target("one"), BASE)
    snapshotter.commit("base", "one")
    snapshotter.prepare("two")
    write_layer(snapshotter.layer_target("two"), Layer(files={"new": b"1"}))
    if not snapshotter.takes_layers_apart:
        with pytest.raises(InvalidArgument, match="native needs it at prepare"):
            snapshotter.commit("top", "two", parent="base")
        assert snapshotter.info("two").kind is Kind.ACTIVE
        return
    with pytest.raises(NotFound, match='"no"'):
        snapshotter.commit("top", "two", parent="no")
    with pytest.raises(FailedPrecondition, match="cannot be a parent"):
        snapshotter.commit("top", "two", parent="two")
    snapshotter.commit("top", "two", parent="base")
    assert snapshotter.info("top").parent == "base"
    assert seen(snapshotter.view("look", "top"), tmp_path / "mnt") == {**BASE.files, "new": b"1"}
    snapshotter.prepare("three", "top")
    with pytest.raises(InvalidArgument, match='cannot put snapshot "three" on "base": it is on "top"'):
        snapshotter.commit("x", "three", parent="base")


def test_each_form_of_a_layer_is_told(snapshotter: DirectorySnapshotter) -> None:
    snapshotter.prepare("key")
    target = snapshotter.layer_target("key")
    forms = {"overlayfs": LayerForm.OVERLAY, "native": LayerForm.APPLIED, "erofs": LayerForm.TAR_INDEX}
    assert (target.form, target.user_xattr) == (forms[snapshotter.name], False)
    assert list(target.directory.iterdir()) == []
    assert snapshotter.layer_target("key") == target
    with pytest.raises(InvalidArgument, match="no comma, colon"):
        type(snapshotter)(snapshotter.root / "a,b")


def test_a_running_mount_survives_that_its_view_is_removed(image: DirectorySnapshotter, tmp_path: Path) -> None:
    target = tmp_path / "mnt"
    target.mkdir()
    mount_all(image.view("look", "top"), target)
    for name in ("look", "top", "base"):
        image.remove(name)
    assert mount_points_below(str(image.root)) == []
    assert numbers(image) == set()
    unmount(target)


# Usage.


def _du(path: Path) -> tuple[int, int]:
    size = subprocess.run(["du", "-sx", "-B1", path], check=True, capture_output=True, text=True).stdout.split()[0]
    inodes = subprocess.run(["du", "-sx", "--inodes", path], check=True, capture_output=True, text=True)
    return int(size), int(inodes.stdout.split()[0])


def _usage_and_du(snapshotter: DirectorySnapshotter, name: str) -> tuple[tuple[int, int], tuple[int, int]]:
    usage = snapshotter.usage(name)
    return (usage.size_bytes, usage.inodes), _du(snapshotter.directory(snapshotter._records.get(name).id))


def test_usage_is_what_du_counts(image: DirectorySnapshotter, tmp_path: Path) -> None:
    os.sync()  # what is not written yet may come to another number of blocks
    for name in ("base", "top"):
        usage, measured = _usage_and_du(image, name)
        assert usage == measured
    target = tmp_path / "mnt"
    target.mkdir()
    mount_all(image.prepare("key", "top"), target)
    (target / "large").write_bytes(os.urandom(300_000))
    os.link(target / "large", target / "large-2")
    os.sync()
    usage, measured = _usage_and_du(image, "key")
    assert usage == measured
    assert 300_000 < usage[0] < 600_000
    unmount(target)


# Crashes.


def _worker(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "contract.snapshot_worker", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": f"{_TESTS.parent / 'src'}:{_TESTS}"}
    return subprocess.Popen(command, cwd=_TESTS, env=environment, stdout=subprocess.PIPE, text=True)


def _check(snapshotter: DirectorySnapshotter, tmp_path: Path) -> None:
    """What holds after a cleanup, whatever was before."""
    with sqlite3.connect(snapshotter.root / "snapshots.db") as database:
        rows = database.execute("SELECT id, state FROM snapshot").fetchall()
    database.close()
    assert {state for _, state in rows} <= {"ready"}
    assert numbers(snapshotter) == {number for number, _ in rows}
    assert list((snapshotter.root / "removed").iterdir()) == []
    expected = {"base": BASE.files, "top": BOTH}
    for info in list(snapshotter.walk()):
        if info.kind is Kind.COMMITTED:
            assert seen(snapshotter.view("check", info.name), tmp_path / "mnt") == expected[info.name]
            snapshotter.remove("check")
        elif info.parent == "top":
            assert seen(snapshotter.mounts(info.name), tmp_path / "mnt") == BOTH


def test_a_process_killed_at_any_moment_leaves_what_cleanup_removes(name: str, root: Path, tmp_path: Path) -> None:
    with _worker(name, root, "cycle") as whole:
        output, _ = whole.communicate(timeout=_DEADLINE_S)
    calls = int(output)
    assert whole.returncode == 0
    assert calls > 300
    moments = [1 + index * (calls - 1) // (_CRASHES - 1) for index in range(_CRASHES)]
    for moment in moments:
        with _worker(name, root, "cycle", moment) as process:
            process.communicate(timeout=_DEADLINE_S)
        assert process.returncode == -signal.SIGKILL
        if moment % 2:  # every other process finds what the one before it left, uncleaned
            with IMPLEMENTATIONS[name](root) as snapshotter:
                snapshotter.cleanup()
                _check(snapshotter, tmp_path)
                assert snapshotter.cleanup() == 0
    with _worker(name, root, "cycle") as last:
        last.communicate(timeout=_DEADLINE_S)
    assert last.returncode == 0
    with IMPLEMENTATIONS[name](root) as snapshotter:
        snapshotter.cleanup()
        assert list(snapshotter.walk()) == []
        _check(snapshotter, tmp_path)
    assert mount_points_below(str(root)) == []


def test_cleanup_tells_what_it_freed_and_leaves_the_rest(image: DirectorySnapshotter, tmp_path: Path) -> None:
    stray = image.root / "snapshots/99"
    stray.mkdir()
    (stray / "file").write_bytes(os.urandom(100_000))
    (image.root / "snapshots/not-ours").mkdir()
    image.prepare("key", "top")
    assert 100_000 <= image.cleanup() < 200_000
    assert not stray.exists()
    assert (image.root / "snapshots/not-ours").exists()
    assert seen(image.mounts("key"), tmp_path / "mnt") == BOTH


# Several at once.


def test_several_processes_use_one_snapshotter(image: DirectorySnapshotter, name: str, root: Path) -> None:
    workers = [_worker(name, root, "share", f"worker-{number}", 5) for number in range(4)]
    for worker in workers:
        with worker:
            worker.communicate(timeout=_DEADLINE_S)
        assert worker.returncode == 0
    assert sorted(info.name for info in image.walk()) == ["base", "top"]
    assert len(numbers(image)) == 2
    layers = mount_points_below(str(root))
    assert len(layers) == len(set(layers)) <= 2


def test_of_many_that_want_one_name_one_gets_it(image: DirectorySnapshotter) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def prepare() -> None:
        start.wait(_DEADLINE_S)
        try:
            image.prepare("same", "top")
        except AlreadyExists:
            outcomes.append("taken")
        else:
            outcomes.append("got")

    threads = [threading.Thread(target=prepare) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_DEADLINE_S)
    assert sorted(outcomes) == ["got"] + ["taken"] * 7
    assert len(numbers(image)) == 3
