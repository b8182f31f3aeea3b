"""Snapshots per namespace: names, records, leases, and what a crash leaves. tests/contract/ has the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orlop.image.contract import ResourceType
from orlop.metadata.leases import NamespacedLeases
from orlop.metadata.snapshots import NamespacedSnapshotter
from orlop.snapshot.contract import Kind

from .putting import put_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.metadata.database import Database
    from orlop.metadata.locks import CollectionLock

    from .fake_snapshotter import FakeSnapshotter


@pytest.fixture
def other(database: Database, backing_snapshotter: FakeSnapshotter, lock: CollectionLock) -> NamespacedSnapshotter:
    return NamespacedSnapshotter(database, backing_snapshotter, lock, "other")


@pytest.fixture
def leased(database: Database, backing_snapshotter: FakeSnapshotter, lock: CollectionLock) -> NamespacedSnapshotter:
    NamespacedLeases(database, "default").create("pull")
    return NamespacedSnapshotter(database, backing_snapshotter, lock, "default", lease_id="pull")


def held(database: Database) -> list[str]:
    resources = list(NamespacedLeases(database, "default").resources("pull"))
    assert all(kind is ResourceType.SNAPSHOT for kind, _ in resources)
    return [reference for _, reference in resources]


def test_the_life_of_snapshots(snapshotter: NamespacedSnapshotter) -> None:
    put_snapshot(snapshotter, "base", labels={"k": "v"})
    put_snapshot(snapshotter, "top", "base")
    mounts = snapshotter.prepare("c1", "top", labels={"a": "b"})
    assert mounts == snapshotter.mounts("c1")
    snapshotter.view("v1", "base")
    found = {info.name: (info.kind, info.parent, dict(info.labels)) for info in snapshotter.walk()}
    assert found == {
        "base": (Kind.COMMITTED, "", {"k": "v"}),
        "top": (Kind.COMMITTED, "base", {}),
        "c1": (Kind.ACTIVE, "top", {"a": "b"}),
        "v1": (Kind.VIEW, "base", {}),
    }
    assert list(found).index("base") < list(found).index("top") < list(found).index("c1")
    assert snapshotter.usage("top").inodes > 0
    for name in ("c1", "v1", "top", "base"):
        snapshotter.remove(name)
    assert list(snapshotter.walk()) == []


def test_namespaces_do_not_see_each_other(
    snapshotter: NamespacedSnapshotter, other: NamespacedSnapshotter, backing_snapshotter: FakeSnapshotter
) -> None:
    put_snapshot(snapshotter, "base")
    put_snapshot(other, "base")
    put_snapshot(other, "a/b c")
    assert {info.name for info in snapshotter.walk()} == {"base"}
    assert {info.name for info in backing_snapshotter.walk()} == {"default/base", "other/base", "other/a/b c"}
    assert other.info("a/b c").name == "a/b c"
    for call in (
        snapshotter.info,
        snapshotter.usage,
        snapshotter.mounts,
        snapshotter.remove,
        snapshotter.layer_target,
        lambda name: snapshotter.update_labels(name, {}),
        lambda name: snapshotter.prepare("c", name),
        lambda name: snapshotter.commit("x", name),
    ):
        with pytest.raises(NotFound, match=r'^there is no snapshot "a/b c"$'):
            call("a/b c")
    assert {info.name for info in snapshotter.walk()} == {"base"}


def test_labels_are_the_namespaces(snapshotter: NamespacedSnapshotter, backing_snapshotter: FakeSnapshotter) -> None:
    labels = {"k": "v", "containerd.io/snapshot/x": "y"}
    snapshotter.prepare("c", labels=labels)
    assert dict(snapshotter.info("c").labels) == labels
    assert dict(backing_snapshotter.info("default/c").labels) == {"containerd.io/snapshot/x": "y"}
    before = snapshotter.info("c").updated_at
    changed = snapshotter.update_labels("c", {"k": None, "n": "1"})
    assert dict(changed.labels) == {"n": "1", "containerd.io/snapshot/x": "y"}
    assert changed.updated_at >= before


def test_names_are_taken_once(snapshotter: NamespacedSnapshotter) -> None:
    put_snapshot(snapshotter, "base")
    snapshotter.prepare("c", "base")
    calls: list[Callable[[str, str], object]] = [snapshotter.prepare, snapshotter.view]
    for call in calls:
        with pytest.raises(AlreadyExists, match=r'^snapshot "c" exists already$'):
            call("c", "base")
    with pytest.raises(AlreadyExists, match=r'^snapshot "base" exists already$'):
        snapshotter.commit("base", "c")
    assert snapshotter.info("c").kind is Kind.ACTIVE


def test_layers_taken_apart_get_their_parent_when_they_are_committed(snapshotter: NamespacedSnapshotter) -> None:
    snapshotter.prepare("one")
    snapshotter.prepare("two")
    snapshotter.commit("base", "one")
    snapshotter.commit("top", "two", parent="base")
    assert snapshotter.info("top").parent == "base"
    with pytest.raises(FailedPrecondition, match=r'^cannot remove snapshot "base": "top" is on top of it; remove that'):
        snapshotter.remove("base")


def test_what_cannot_be_made_leaves_no_record(snapshotter: NamespacedSnapshotter) -> None:
    snapshotter.prepare("active")
    calls: list[Callable[[str, str], object]] = [snapshotter.prepare, snapshotter.view]
    for call in calls:
        with pytest.raises(FailedPrecondition):
            call("c", "active")
    put_snapshot(snapshotter, "base")
    snapshotter.prepare("c", "base")
    with pytest.raises(InvalidArgument):
        snapshotter.commit("x", "c", parent="base")
    assert {info.name for info in snapshotter.walk()} == {"active", "base", "c"}
    for bad in ("", "x" * 948):
        with pytest.raises(InvalidArgument, match=r" is no name of a snapshot: 1 to 947 bytes are$"):
            snapshotter.prepare(bad)


def test_a_left_over_whose_record_went_makes_way(
    snapshotter: NamespacedSnapshotter, backing_snapshotter: FakeSnapshotter
) -> None:
    backing_snapshotter.prepare("default/c")
    (backing_snapshotter.path("default/c") / "fs" / "old").write_text("")
    snapshotter.prepare("c")
    assert list(snapshotter.layer_target("c").directory.iterdir()) == []


def test_a_committed_one_whose_record_was_lost_is_adopted(
    database: Database, leased: NamespacedSnapshotter, backing_snapshotter: FakeSnapshotter
) -> None:
    """A crash between the commit and its record: whoever unpacks the layer again finds it."""
    put_snapshot(backing_snapshotter, "default/base")
    put_snapshot(backing_snapshotter, "default/top", "default/base")
    with pytest.raises(NotFound):
        leased.info("top")
    leased.prepare("again")
    with pytest.raises(AlreadyExists):
        leased.commit("top", "again")
    assert leased.info("top").parent == "base"
    assert leased.info("base").kind is Kind.COMMITTED
    assert {"fake/top", "fake/base", "fake/again"} == set(held(database))


def test_an_active_left_over_is_not_adopted(
    snapshotter: NamespacedSnapshotter, backing_snapshotter: FakeSnapshotter
) -> None:
    backing_snapshotter.prepare("default/top")
    snapshotter.prepare("again")
    with pytest.raises(AlreadyExists):
        snapshotter.commit("top", "again")
    with pytest.raises(NotFound):
        snapshotter.info("top")


def test_a_record_whose_snapshot_a_crash_prevented_can_be_removed(
    snapshotter: NamespacedSnapshotter, backing_snapshotter: FakeSnapshotter
) -> None:
    snapshotter.prepare("c")
    backing_snapshotter.remove("default/c")
    with pytest.raises(NotFound):
        snapshotter.info("c")
    snapshotter.remove("c")
    snapshotter.prepare("c")


def test_a_lease_holds_what_is_made_and_found(
    database: Database, snapshotter: NamespacedSnapshotter, leased: NamespacedSnapshotter
) -> None:
    put_snapshot(snapshotter, "base")
    assert held(database) == []
    leased.info("base")
    assert held(database) == ["fake/base"]
    leased.prepare("c", "base")
    assert held(database) == ["fake/base", "fake/c"]
    leased.commit("top", "c")
    assert held(database) == ["fake/base", "fake/top"]
    leased.remove("top")
    assert held(database) == ["fake/base"]


def test_it_is_the_shared_one_in_name_and_ability(snapshotter: NamespacedSnapshotter) -> None:
    assert (snapshotter.name, snapshotter.takes_layers_apart, snapshotter.cleanup()) == ("fake", True, 0)
