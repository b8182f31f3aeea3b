"""What a mark finds in the rows, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.image.contract import GC_EXPIRE, GC_REF_CONTENT, GC_REF_SNAPSHOT, GC_ROOT, ResourceType
from orlop.metadata.content import NamespacedContent
from orlop.metadata.gc_labels import GC_FLAT
from orlop.metadata.images import NamespacedImages
from orlop.metadata.lease_owner import OWNER_LABEL
from orlop.metadata.leases import NamespacedLeases
from orlop.metadata.marking import Marked, delete_rows, mark
from orlop.metadata.namespaces import Namespaces
from orlop.oci.digest import Digest

from .putting import descriptor, put_blob, put_snapshot

if TYPE_CHECKING:
    from orlop.metadata.database import Database
    from orlop.metadata.locks import CollectionLock
    from orlop.metadata.snapshots import NamespacedSnapshotter

    from .fake_content import FakeContent

NOW = 2_000_000_000.0  # 2033: leases and ingests of these tests end before, unless they say otherwise
PAST, FUTURE = "2033-05-18T03:33:19Z", "2033-05-18T03:33:21Z"
CONTENT = ResourceType.CONTENT


def marked(database: Database, *dead_owners: str) -> Marked:
    with database.read() as connection:
        return mark(connection, now=NOW, is_owner_dead=lambda name: name in dead_owners)


def garbage(database: Database, *dead_owners: str) -> set[str]:
    return {f"{node.kind}:{node.key}" for node in marked(database, *dead_owners).nodes}


def content_of(*datas: bytes) -> set[str]:
    return {f"content:{Digest.of(data)}" for data in datas}


def refs(*datas: bytes) -> dict[str, str]:
    return {f"{GC_REF_CONTENT}.l.{number}": str(Digest.of(data)) for number, data in enumerate(datas)}


@pytest.fixture
def images(database: Database) -> NamespacedImages:
    return NamespacedImages(database, "default")


@pytest.fixture
def leases(database: Database) -> NamespacedLeases:
    return NamespacedLeases(database, "default")


def test_an_image_keeps_what_its_manifest_refers_to(
    database: Database, content: NamespacedContent, images: NamespacedImages
) -> None:
    index = put_blob(content, b"index", refs(b"manifest"))
    put_blob(content, b"manifest", refs(b"layer", b"config"))
    for data in (b"layer", b"config", b"garbage"):
        put_blob(content, data)
    images.put("busybox", descriptor(index))
    assert garbage(database) == content_of(b"garbage")
    images.delete("busybox")
    assert garbage(database) == content_of(b"index", b"manifest", b"layer", b"config", b"garbage")


def test_an_image_that_has_expired_is_garbage_unless_something_refers_to_it(
    database: Database, content: NamespacedContent, images: NamespacedImages, leases: NamespacedLeases
) -> None:
    put_blob(content, b"manifest")
    target = descriptor(Digest.of(b"manifest"))
    images.put("future", target, labels={GC_EXPIRE: FUTURE})
    assert garbage(database) == set()
    images.put("future", target, labels={GC_EXPIRE: PAST})
    assert garbage(database) == {"images:future"} | content_of(b"manifest")
    images.put("nonsense", target, labels={GC_EXPIRE: "soon"})
    assert garbage(database) == {"images:future"}
    images.put("nonsense", target, labels={"containerd.io/gc.ref.image.base": "future"})
    assert garbage(database) == set()
    images.delete("nonsense")
    leases.create("l")
    leases.add("l", ResourceType.IMAGE, "future")
    assert garbage(database) == set()


def test_a_root_label_keeps_a_blob_and_a_snapshot_and_their_references(
    database: Database, content: NamespacedContent, snapshotter: NamespacedSnapshotter
) -> None:
    put_blob(content, b"a", {GC_ROOT: "x", **refs(b"b")})
    for data in (b"b", b"c", b"garbage"):
        put_blob(content, data)
    put_snapshot(snapshotter, "base")
    put_snapshot(snapshotter, "top", "base", {GC_ROOT: "x", **refs(b"c")})
    put_snapshot(snapshotter, "lone", "base")
    assert garbage(database) == {"snapshots:fake/lone"} | content_of(b"garbage")


def test_a_blob_keeps_a_snapshot_and_that_its_parents(
    database: Database, content: NamespacedContent, images: NamespacedImages, snapshotter: NamespacedSnapshotter
) -> None:
    put_snapshot(snapshotter, "base")
    put_snapshot(snapshotter, "top", "base")
    put_snapshot(snapshotter, "child", "top")
    images.put("busybox", descriptor(put_blob(content, b"m", {f"{GC_REF_SNAPSHOT}.fake": "top"})))
    assert garbage(database) == {"snapshots:fake/child"}
    images.put("other", descriptor(put_blob(content, b"n", {f"{GC_REF_SNAPSHOT}.erofs/1": "child"})))
    assert garbage(database) == {"snapshots:fake/child"}
    images.put("other", descriptor(put_blob(content, b"o", {f"{GC_REF_SNAPSHOT}.fake/1": "child"})))
    assert garbage(database) == content_of(b"n")


def test_a_back_reference_attaches_to_what_is_kept(
    database: Database, content: NamespacedContent, images: NamespacedImages, snapshotter: NamespacedSnapshotter
) -> None:
    manifest = put_blob(content, b"manifest")
    put_blob(content, b"signature", {"containerd.io/gc.bref.content.subject": str(manifest)})
    put_blob(content, b"note", {"containerd.io/gc.bref.image": "busybox"})
    put_snapshot(snapshotter, "scratch", labels={"containerd.io/gc.bref.image.x": "busybox"})
    put_blob(content, b"of snapshot", {"containerd.io/gc.bref.snapshot.fake/x": "scratch"})
    assert len(garbage(database)) == 5
    images.put("busybox", descriptor(manifest))
    assert garbage(database) == set()


def test_a_lease_keeps_what_it_names_and_what_that_refers_to(
    database: Database, content: NamespacedContent, leases: NamespacedLeases, snapshotter: NamespacedSnapshotter
) -> None:
    put_blob(content, b"a", refs(b"b"))
    put_blob(content, b"b")
    put_snapshot(snapshotter, "base", labels=refs(b"c"))
    put_snapshot(snapshotter, "top", "base")
    put_blob(content, b"c")
    assert len(garbage(database)) == 5
    leases.create("l")
    leases.add("l", CONTENT, str(Digest.of(b"a")))
    leases.add("l", ResourceType.SNAPSHOT, "fake/top")
    assert garbage(database) == set()
    leases.delete("l")
    assert len(garbage(database)) == 5


def test_a_flat_lease_keeps_what_it_names_only(
    database: Database,
    content: NamespacedContent,
    images: NamespacedImages,
    leases: NamespacedLeases,
    snapshotter: NamespacedSnapshotter,
) -> None:
    put_blob(content, b"a", refs(b"b"))
    put_blob(content, b"b")
    put_blob(content, b"target", refs(b"b"))
    put_snapshot(snapshotter, "base", labels=refs(b"c"))
    put_snapshot(snapshotter, "top", "base")
    put_blob(content, b"c")
    images.put("old", descriptor(Digest.of(b"target")), labels={GC_EXPIRE: PAST})
    leases.create("l", labels={GC_FLAT: "x"})
    leases.add("l", CONTENT, str(Digest.of(b"a")))
    leases.add("l", ResourceType.SNAPSHOT, "fake/top")
    leases.add("l", ResourceType.IMAGE, "old")
    assert garbage(database) == content_of(b"b", b"c")


def test_a_lease_that_has_ended_keeps_nothing_and_is_marked(
    database: Database, content: NamespacedContent, leases: NamespacedLeases
) -> None:
    put_blob(content, b"a")
    leases.create("past", labels={GC_EXPIRE: PAST})
    leases.create("owned", labels={OWNER_LABEL: "owner"})
    for lease in ("past", "owned"):
        leases.add(lease, CONTENT, str(Digest.of(b"a")))
    assert marked(database).leases == [("default", "past")]
    assert garbage(database) == set()
    assert marked(database, "owner").leases == [("default", "owned"), ("default", "past")]
    assert garbage(database, "owner") == content_of(b"a")


def test_ingests_are_kept_by_leases_or_for_a_day_and_keep_what_they_expect(
    database: Database, backing: FakeContent, lock: CollectionLock, content: NamespacedContent, leases: NamespacedLeases
) -> None:
    content.begin("unleased").close()
    leases.create("l")
    leased = NamespacedContent(database, backing, lock, "default", lease_id="l")
    leased.begin("leased", expected=Digest.of(b"a")).close()
    with database.write() as connection:  # the blob came by another way meanwhile
        connection.execute("INSERT INTO blobs VALUES ('default', ?, 1, '{}', 0, 0)", (str(Digest.of(b"a")),))
    assert garbage(database) == {"ingests:unleased"}
    leases.delete("l")
    everything = {"ingests:unleased", "ingests:leased"} | content_of(b"a")
    assert garbage(database) == everything
    with database.write() as connection:
        connection.execute("UPDATE ingests SET expires_at = ?", (NOW + 1,))
    assert garbage(database) == set()
    with database.read() as connection:
        found = mark(connection, now=NOW, is_owner_dead=lambda _: False, keeps_resumable=False)
    assert {f"{node.kind}:{node.key}" for node in found.nodes} == everything


def test_namespaces_keep_nothing_for_each_other(
    database: Database, backing: FakeContent, lock: CollectionLock, content: NamespacedContent, images: NamespacedImages
) -> None:
    other = NamespacedContent(database, backing, lock, "other")
    digest = put_blob(content, b"a")
    put_blob(other, b"a")
    images.put("busybox", descriptor(digest))
    assert [(node.namespace, node.key) for node in marked(database).nodes] == [("other", str(digest))]


def test_large_blobs_are_first_and_a_limit_leaves_the_rest(database: Database, content: NamespacedContent) -> None:
    for size in (10, 3000, 200):
        put_blob(content, b"x" * size)
    everything = marked(database)
    sizes = [content.info(Digest.parse(node.key)).size for node in everything.nodes]
    assert sizes == [3000, 200, 10]
    with database.write() as connection:
        assert delete_rows(connection, everything, limit=2) == everything.nodes[:2]
    assert [info.size for info in content.walk()] == [10]


def test_all_kinds_of_rows_are_deleted(
    database: Database,
    content: NamespacedContent,
    images: NamespacedImages,
    leases: NamespacedLeases,
    snapshotter: NamespacedSnapshotter,
) -> None:
    put_blob(content, b"a")
    images.put("old", descriptor(Digest.of(b"a")), labels={GC_EXPIRE: PAST})
    leases.create("past", labels={GC_EXPIRE: PAST})
    leases.add("past", ResourceType.IMAGE, "old")
    put_snapshot(snapshotter, "a/b")
    content.begin("ref \udcff").close()
    with database.write() as connection:
        marked_now = mark(connection, now=NOW, is_owner_dead=lambda _: False)
        assert len(delete_rows(connection, marked_now)) == 4
    Namespaces(database).delete("default")
    assert list(Namespaces(database).list()) == []
