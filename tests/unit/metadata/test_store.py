"""A store as a whole: its directories, its parts, and leases that end with their process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument, KernelError, NotFound, PermissionDenied, Unavailable
from orlop.image.contract import ResourceType
from orlop.metadata.store import Store
from orlop.oci.digest import Digest

from .fake_content import FakeContent
from .fake_snapshotter import FakeSnapshotter
from .putting import put_blob, put_image, put_snapshot
from .test_disk_usage import du

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def modes(*paths: Path) -> list[int]:
    return [path.stat().st_mode & 0o7777 for path in paths]


def test_threat_g_root_and_state_are_not_for_others(tmp_path: Path, open_store: Callable[..., Store]) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    umask = os.umask(0)
    try:
        with open_store() as store:
            put_image(store, "one")
    finally:
        os.umask(umask)
    assert modes(root, state, root / "snapshots") == [0o700, 0o711, 0o700]
    for path in root.iterdir():
        if path.is_file():
            assert modes(path) == [0o600], path


def test_threat_g_directories_that_were_open_are_closed(tmp_path: Path, open_store: Callable[..., Store]) -> None:
    for name in ("root", "state"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    with open_store():
        assert modes(tmp_path / "root", tmp_path / "state") == [0o700, 0o711]
    (tmp_path / "state").chmod(0o700)
    with open_store():
        assert modes(tmp_path / "state") == [0o700], "what is closed already stays so"


@pytest.mark.needs_root
def test_threat_g_a_root_of_somebody_else_is_refused(tmp_path: Path, open_store: Callable[..., Store]) -> None:
    (tmp_path / "root").mkdir()
    os.chown(tmp_path / "root", 65534, 65534)
    with pytest.raises(PermissionDenied, match=r"/root: belongs to user 65534, not 0; choose another directory$"):
        open_store()


def test_a_root_that_cannot_be_is_told(tmp_path: Path, open_store: Callable[..., Store]) -> None:
    (tmp_path / "root").write_text("")
    with pytest.raises(KernelError, match=r'^cannot open the store: mkdir ".*/root", 0o700: EEXIST'):
        open_store()


def test_the_namespace_is_an_identifier(open_store: Callable[..., Store]) -> None:
    with pytest.raises(InvalidArgument, match=r"^namespace: 'a/b' is no identifier"):
        open_store("a/b")


def test_what_is_put_in_is_there_after_it_is_opened_again(open_store: Callable[..., Store]) -> None:
    with open_store() as store:
        manifest, layer = put_image(store, "one")
    with open_store() as store:
        assert store.images.get("one").target.digest == manifest
        with store.content().open(layer) as reader:
            assert reader.read_at(0, 9) == b"layer"
        assert [info.parent for info in store.snapshotter("fake").walk()] == [""]
        assert [one.name for one in store.namespaces.list()] == ["default"]
        assert list(store.leases.list()) == []


def test_an_unknown_snapshotter_is_told(store: Store) -> None:
    with pytest.raises(InvalidArgument, match=r'^snapshotter "zfs": is not known; use one of: fake$'):
        store.snapshotter("zfs")


def test_parts_that_can_be_closed_are_closed(tmp_path: Path) -> None:
    closed: list[str] = []

    class Content(FakeContent):
        def close(self) -> None:
            closed.append("content")

    class Snapshotter(FakeSnapshotter):
        def close(self) -> None:
            closed.append("snapshotter")

    factories = {"fake": Snapshotter, "other": Snapshotter}
    with Store.open(tmp_path / "r", state=tmp_path / "s", content=Content, snapshotters=factories) as store:
        store.snapshotter("fake")
        store.snapshotter("fake")
    assert closed == ["snapshotter", "content"]


def test_a_lease_is_there_for_the_block(store: Store) -> None:
    with store.lease(labels={"k": "v"}) as lease:
        assert [one.id for one in store.leases.list()] == [lease.id]
        assert lease.labels["k"] == "v"
        digest = put_blob(store.content(lease_id=lease.id), b"layer")
        assert list(store.leases.resources(lease.id)) == [(ResourceType.CONTENT, str(digest))]
        assert store.collect().records == []
    assert list(store.leases.list()) == []
    assert store.collect().blobs == [digest]


def test_the_error_in_a_leases_block_is_the_one_that_comes_out(store: Store) -> None:
    def fail() -> None:
        with store.lease() as lease:
            store.leases.delete(lease.id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_the_shared_content_is_below_all_namespaces(store: Store) -> None:
    digest = put_blob(store.content(), b"layer")
    assert store.shared_content.info(digest).size == 5
    with pytest.raises(NotFound):
        store.shared_content.info(Digest.of(b"other"))


def test_a_snapshotter_that_cannot_be_opened_is_told_and_the_rest_is_collected(
    tmp_path: Path, open_store: Callable[..., Store]
) -> None:
    with open_store() as store:
        put_image(store, "one")
        store.images.delete("one")
    tries: list[Path] = []

    def broken(directory: Path) -> FakeSnapshotter:
        tries.append(directory)
        raise Unavailable("snapshotter fake cannot work here")

    root, state = tmp_path / "root", tmp_path / "state"
    with Store.open(root, state=state, content=FakeContent, snapshotters={"fake": broken}) as store:
        usage = store.usage()
        assert usage.snapshot_bytes["fake"] > 0
        assert usage.total_bytes == du(store.root)
        collected = store.collect()
        assert len(collected.blobs) == 2
        assert [str(failure) for failure in collected.failures] == ["snapshotter fake cannot work here"]
        assert len(tries) == 3, "it is tried again when there is room"
    with open_store() as store:
        assert len(store.collect().snapshots) == 1


def test_the_snapshotters_that_the_store_has_had(store: Store) -> None:
    assert store.snapshotters() == []
    put_snapshot(store.snapshotter("fake"), "one")
    [found] = store.snapshotters()
    assert [info.name for info in found.walk()] == ["one"]
