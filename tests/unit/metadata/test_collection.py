"""Collection: what goes and what stays; races with other processes; being killed; a full disk."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.content.local import LocalContentStore
from orlop.errors import AlreadyExists, KernelError
from orlop.image.contract import GC_ROOT
from orlop.linux.disk_reserve import DiskReserve
from orlop.metadata.collection import Collector
from orlop.metadata.layout import RESERVE_BYTES
from orlop.metadata.locks import CollectionLock, flocked
from orlop.metadata.store import Store
from orlop.oci.digest import Digest
from orlop.snapshot.native import NativeSnapshotter
from orlop.snapshot.overlay import OverlaySnapshotter
from unit.full_disk import fill

from . import worker
from .putting import descriptor, put_blob, put_image, put_snapshot
from .test_disk_usage import du

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.metadata.marking import Marked
    from orlop.snapshot.contract import Snapshotter

_DEADLINE_S = 120
_KILLS = 20
_TESTS = Path(__file__).parents[2]


def start(verb: str, directory: Path, argument: object = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "metadata.worker", verb, str(directory), str(argument)]
    path = os.pathsep.join([str(_TESTS / "unit"), str(_TESTS.parent / "src")])
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    )


def run(verb: str, directory: Path, argument: object = "") -> tuple[int, str]:
    with start(verb, directory, argument) as process:
        output, _ = process.communicate(timeout=_DEADLINE_S)
    return process.returncode, output


def digests(store: Store) -> set[Digest]:
    """What is on the disk, whoever has a record of it."""
    return {info.digest for info in store.shared_content.walk()}


def snapshots(root: Path) -> set[str]:
    return {path.name for path in (root / "snapshots").glob("fake/*")}


def test_what_nobody_needs_goes_and_the_rest_stays(store: Store) -> None:
    kept = put_image(store, "kept", (b"base", b"top"))
    gone = put_image(store, "gone", (b"base", b"other"))
    rooted = put_blob(store.content(), b"rooted", {GC_ROOT: "x"})
    store.content().begin("unleased").close()
    store.images.delete("gone")
    collected = store.collect()
    assert set(collected.blobs) == {gone[0], gone[2]}
    assert digests(store) == {*kept, rooted}
    assert len(collected.snapshots) == 2
    assert {info.name.split("-")[1] for info in store.snapshotter("fake").walk()} == {"kept"}
    assert collected.freed_bytes > 0
    assert collected.failures == []
    assert [status.ref for status in store.content().ingests()] == ["unleased"]
    again = store.collect()
    assert (again.records, again.blobs, again.snapshots, again.freed_bytes) == ([], [], [], 0)


def test_a_blob_stays_while_one_namespace_has_it(store: Store, open_store: Callable[..., Store]) -> None:
    ours = put_image(store, "one")
    with open_store("other") as other:
        theirs = put_image(other, "one")
        store.images.delete("one")
        assert store.collect().blobs == []
        assert digests(store) == {*ours, *theirs}
        other.images.delete("one")
        assert set(store.collect().blobs) == {*ours, *theirs}
    assert digests(store) == set()


def test_what_has_no_record_goes(store: Store) -> None:
    put_blob(store.shared_content, b"orphan")
    with store.shared_content.begin("somebody's") as ingest:
        ingest.write(b"bytes")
    store.snapshotter("fake")
    shared = store._snapshotters["fake"]
    put_snapshot(shared, "default/base")
    put_snapshot(shared, "default/top", "default/base")
    put_snapshot(shared, "not ours")
    collected = store.collect()
    assert collected.blobs == [Digest.of(b"orphan")]
    assert collected.snapshots == ["fake/default/top", "fake/default/base"]
    assert list(store.shared_content.ingests()) == []
    assert [info.name for info in shared.walk()] == ["not ours"]


def test_an_ingest_that_is_being_written_stays_on_the_disk(store: Store) -> None:
    with store.shared_content.begin("somebody's") as ingest:
        ingest.write(b"bytes")
        store.collect()
        assert [status.ref for status in store.shared_content.ingests()] == ["somebody's"]


def test_a_snapshot_that_cannot_be_removed_is_told_and_the_rest_goes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_image(store, "one")
    put_image(store, "two")
    store.images.delete("one")
    store.images.delete("two")
    shared = store._snapshotters["fake"]
    real = shared.remove

    def remove(name: str) -> None:
        if "two" in name:
            raise KernelError("umount: EBUSY", call="umount", errno=16)
        real(name)

    monkeypatch.setattr(shared, "remove", remove)
    collected = store.collect()
    assert [str(failure) for failure in collected.failures] == ["umount: EBUSY"]
    assert len(collected.snapshots) == 1
    assert len(collected.blobs) == 3
    monkeypatch.undo()
    assert len(store.collect().snapshots) == 1


def test_a_collection_waits_for_the_record_of_what_is_being_committed(tmp_path: Path, store: Store) -> None:
    """The moment between the bytes and their record, with two other processes."""
    del store
    gate = tmp_path / "root" / "collection.gate"
    blob = tmp_path / "root" / "content" / "blobs" / str(Digest.of(b"slow"))
    with start("commit-slowly", tmp_path) as committer, start("collect", tmp_path) as collector:
        assert committer.stdout is not None
        assert committer.stdout.readline() == "committed\n"
        deadline = time.monotonic() + _DEADLINE_S
        while not _is_held(gate):
            assert time.monotonic() < deadline, "the collection never waited"
        assert collector.poll() is None
        assert blob.exists()
        committer.communicate(timeout=_DEADLINE_S)
        collector.communicate(timeout=_DEADLINE_S)
    assert (committer.returncode, collector.returncode) == (0, 0)
    # Without a lease it was garbage with a record, and went with both. What matters: never one without the other.
    with worker.opened(tmp_path) as store:
        assert {info.digest for info in store.content().walk()} == digests(store)


def _is_held(path: Path) -> bool:
    try:
        with flocked(path, fcntl.LOCK_SH | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


def test_what_is_adopted_between_the_mark_and_the_sweep_stays(
    store: Store, open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = put_blob(store.content(), b"layer")
    real = CollectionLock.exclusive

    @contextmanager
    def exclusive(lock: CollectionLock) -> Iterator[None]:
        monkeypatch.setattr(CollectionLock, "exclusive", real)
        with open_store("other") as other, pytest.raises(AlreadyExists):
            other.content().begin("layer", expected=digest)
        with real(lock):
            yield

    monkeypatch.setattr(CollectionLock, "exclusive", exclusive)
    collected = store.collect()
    assert len(collected.records) == 1
    assert collected.blobs == []
    with open_store("other") as other:
        assert other.content().info(digest).size == 5


def test_a_snapshot_of_the_same_key_made_between_the_mark_and_the_sweep_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.snapshotter("fake").prepare("c1")
    real = CollectionLock.exclusive

    @contextmanager
    def exclusive(lock: CollectionLock) -> Iterator[None]:
        monkeypatch.setattr(CollectionLock, "exclusive", real)
        store.snapshotter("fake").prepare("c1")
        with real(lock):
            yield

    monkeypatch.setattr(CollectionLock, "exclusive", exclusive)
    collected = store.collect()
    assert len(collected.records) == 1
    assert collected.snapshots == []
    assert store.snapshotter("fake").mounts("c1") != []


def test_pulls_and_collections_of_several_processes(tmp_path: Path, store: Store) -> None:
    collectors = [start("collect", tmp_path) for _ in range(2)]
    churners = [start("churn", tmp_path, name) for name in ("a", "b", "c")]
    try:
        for process in churners:
            process.communicate(timeout=_DEADLINE_S)
    finally:
        for process in collectors:
            process.communicate(timeout=_DEADLINE_S)
        for process in churners:
            process.kill()
            process.communicate()
    assert [process.returncode for process in (*churners, *collectors)] == [0] * 5
    assert [image.name for image in store.images.list()] == ["a-1", "b-1", "c-1"]
    store.collect()
    for image in store.images.list():
        worker.check_image(store, image.name)
    assert len(digests(store)) == 3 * 2 + 1
    assert len(snapshots(store.root)) == 3 * 2
    assert list((store.root / "leases").iterdir()) == []


def _points(count: int) -> list[int]:
    """Lines to be killed at, over the whole length."""
    return [1 + number * (count - 1) // (_KILLS - 1) for number in range(_KILLS)]


def test_a_collection_that_is_killed_takes_nothing_that_is_needed_and_the_next_one_ends_it(tmp_path: Path) -> None:
    template = tmp_path / "template"
    with worker.opened(template) as store:
        for name in ("kept", "gone", "gone too"):
            put_image(store, name, worker.layers_of(name))
        store.images.delete("gone")
        store.images.delete("gone too")
        put_blob(store.shared_content, b"orphan")
        kept = {digest for digest in digests(store) if digest in map(Digest.of, worker.layers_of("kept"))}
        kept.add(store.images.get("kept").target.digest)
    shutil.copytree(template, tmp_path / "whole")
    status, output = run("prune", tmp_path / "whole", 1 << 60)
    assert status == 0
    for point in _points(int(output)):
        directory = tmp_path / f"killed-{point}"
        shutil.copytree(template, directory)
        assert run("prune", directory, point)[0] == -9
        with worker.opened(directory) as store:
            worker.check_image(store, "kept")
            store.collect()
            worker.check_image(store, "kept")
            assert digests(store) == kept, point
            assert len(snapshots(store.root)) == 2, point
            assert store.usage().total_bytes == du(store.root)
        shutil.rmtree(directory)


def test_a_pull_that_is_killed_leaves_nothing_after_a_collection_and_can_be_done_again(tmp_path: Path) -> None:
    status, output = run("pull", tmp_path / "whole", 1 << 60)
    assert status == 0
    for point in _points(int(output)):
        for is_collected in (False, True):
            directory = tmp_path / f"killed-{point}-{is_collected}"
            assert run("pull", directory, point)[0] == -9
            with worker.opened(directory) as store:
                if is_collected:
                    store.prune()
                    is_there = bool(list(store.images.list()))
                    assert len(digests(store)) == (3 if is_there else 0), point
                    assert len(snapshots(store.root)) == (2 if is_there else 0), point
                    assert list(store.shared_content.ingests()) == []
                    assert list(store.leases.list()) == []
                put_image(store, "pulled", worker.layers_of("pulled"))
                worker.check_image(store, "pulled")
                store.collect()
                worker.check_image(store, "pulled")
                assert len(digests(store)) == 3, point
                assert len(snapshots(store.root)) == 2, point
                assert not list((store.root / "leases").iterdir())
            shutil.rmtree(directory)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 64 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "orlop-test", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _put_many(store: Store) -> None:
    """More than fits in what a full disk has left, in small steps: until one does not."""
    for number in range(1000):
        store.images.put(f"image-{number}", descriptor(Digest.of(b"x")), labels={"k": "v" * 4000})


@pytest.mark.needs_root
def test_a_full_disk_is_pruned(small_disk: Path) -> None:
    with worker.opened(small_disk) as store:
        put_image(store, "kept", worker.layers_of("kept"))
        put_image(store, "gone", (b"x" * 300_000,))
        store.images.delete("gone")
    fill(small_disk)
    with worker.opened(small_disk) as store:
        assert [image.name for image in store.images.list()] == ["kept"], "reading works"
    assert (small_disk / "root" / "reserve").exists(), "and leaves what pruning needs"
    with worker.opened(small_disk) as store:
        assert store.collect().freed_bytes >= 300_000
        worker.check_image(store, "kept")
        assert len(digests(store)) == 3


def _put_many_under_a_lease(store: Store) -> None:
    with store.lease():
        _put_many(store)


@pytest.mark.needs_root
def test_what_fails_on_a_full_disk_leaves_what_pruning_needs(small_disk: Path) -> None:
    """Also where the disk was full before: the index of the log takes some of the reserve, and nobody else gets it."""
    reserve = small_disk / "root" / "reserve"
    with worker.opened(small_disk) as store:
        put_image(store, "gone", (b"x" * 300_000,))
        store.images.delete("gone")
        fill(small_disk)
        with pytest.raises(KernelError, match="No space left on device"):
            _put_many_under_a_lease(store)
    assert reserve.stat().st_size == RESERVE_BYTES
    fill(small_disk)
    for _ in range(3):
        with worker.opened(small_disk) as store:
            fill(small_disk)
            with pytest.raises(KernelError, match="No space left on device"):
                _put_many_under_a_lease(store)
    assert reserve.stat().st_size > RESERVE_BYTES // 2
    fill(small_disk)
    with worker.opened(small_disk) as store:
        assert store.collect().freed_bytes >= 300_000
        assert list(store.leases.list()) == []


@pytest.mark.needs_root
def test_a_lease_ends_on_a_full_disk(small_disk: Path) -> None:
    """What was done under it is done: its record goes with the next collection."""
    with worker.opened(small_disk) as store:
        with store.lease():
            fill(small_disk)
            with pytest.raises(KernelError, match="No space left on device"):
                _put_many(store)
        (lease,) = store.leases.list()
        store.collect()
        assert list(store.leases.list()) == [], lease


@pytest.fixture(params=["overlayfs", "native"])
def real_store(request: pytest.FixtureRequest, small_disk: Path) -> Callable[[], Store]:
    """Opens a store on the small disk with the stores of content and snapshots that Orlop has."""
    factories: dict[str, Callable[[Path], Snapshotter]] = {
        "overlayfs": OverlaySnapshotter,
        "native": NativeSnapshotter,
    }
    return lambda: Store.open(
        small_disk / "root",
        state=small_disk / "state",
        content=LocalContentStore,
        snapshotters={request.param: factories[request.param]},
    )


@pytest.mark.needs_root
def test_the_real_stores_are_counted_and_pruned_on_a_full_disk(
    small_disk: Path, real_store: Callable[[], Store]
) -> None:
    with real_store() as store:
        (name,) = store._factories
        kept = put_image(store, "kept", (b"base", b"top"), snapshotter_name=name)
        put_image(store, "gone", (b"base", b"x" * 300_000), snapshotter_name=name)
        assert store.usage().total_bytes == du(store.root)
        store.images.delete("gone")
    fill(small_disk)
    with real_store() as store:
        collected = store.collect()
        assert collected.freed_bytes >= 300_000
        assert collected.failures == []
        assert len(collected.snapshots) == 2
        assert digests(store) == set(kept)
        assert store.usage().total_bytes == du(store.root)
        assert store.usage().reclaimable_bytes == 0
        assert len(list(store.snapshotter(name).walk())) == 2


@pytest.mark.needs_root
def test_a_disk_that_becomes_full_while_the_store_is_open_is_pruned(small_disk: Path) -> None:
    with worker.opened(small_disk) as store:
        put_image(store, "gone", (b"x" * 300_000,))
    with worker.opened(small_disk) as store:
        fill(small_disk)
        with pytest.raises(KernelError, match=r"free some space on this file system: `orlop prune`") as caught:
            _put_many(store)
        assert caught.value.errno == 28
        for image in list(store.images.list()):
            store.images.delete(image.name)
        assert store.collect().freed_bytes >= 300_000
        assert digests(store) == set()
        (small_disk / "filler").unlink()
        put_image(store, "new", worker.layers_of("new"))
    assert (small_disk / "root" / "reserve").exists(), "there is room again"


@pytest.mark.needs_root
def test_a_full_disk_whose_records_do_not_fit_in_one_log_is_pruned_in_batches(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int | None] = []
    real = Collector._delete_marked

    def spied(collector: Collector, collected: Marked, limit: int | None, *, keeps_resumable: bool) -> bool:
        limits.append(limit)
        return real(collector, collected, limit, keeps_resumable=keeps_resumable)  # type: ignore[arg-type]

    monkeypatch.setattr(Collector, "_delete_marked", spied)
    with worker.opened(small_disk) as store:
        put_image(store, "gone", (b"x" * 300_000,))
        store.images.delete("gone")
        with store._database.write() as connection:  # kept and garbage by turns: every page changes
            for number in range(3000):
                labels = '{"' + (GC_ROOT if number % 2 else "k") + '":"' + "v" * 1300 + '"}'
                digest = f"sha256:{number:064}"
                connection.execute("INSERT INTO blobs VALUES ('default', ?, 1, ?, 0, 0)", (digest, labels))
    fill(small_disk)
    with worker.opened(small_disk) as store:
        collected = store.collect()
        assert len(collected.records) == 1500 + 3
        assert collected.freed_bytes >= 300_000
        assert len(list(store.content().walk())) == 1500
    assert limits[:3] == [None, 64, 128], limits


@pytest.mark.needs_root
def test_without_a_reserve_a_full_disk_is_told(small_disk: Path) -> None:
    with worker.opened(small_disk) as store:
        put_image(store, "gone", (b"x" * 300_000,))
    assert DiskReserve(small_disk / "root" / "reserve", RESERVE_BYTES).give_up()
    fill(small_disk)
    with pytest.raises(KernelError, match=r"No space left on device.*free some space on this file system"):
        worker.opened(small_disk)
