"""`df`: the parts add up to what du says, and each namespace is told what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .putting import put_blob, put_image
from .test_disk_usage import du

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.metadata.store import Store


def set_aside(store: Store, data: bytes) -> None:
    """What a repair would have left."""
    directory = store.root / "content/quarantine"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "blob").write_bytes(data)


def test_an_empty_store_adds_up(store: Store) -> None:
    usage = store.usage()
    assert usage.total_bytes == du(store.root)
    assert usage.namespaces == ()
    assert usage.reclaimable_bytes == 0


def test_a_store_with_everything_adds_up(store: Store, open_store: Callable[..., Store]) -> None:
    put_image(store, "one", (b"a" * 100_000, b"b" * 5000))
    with open_store("other") as other:
        put_image(other, "one", (b"a" * 100_000,))
        put_image(other, "two", (b"c" * 9000,))
    with store.content().begin("layer") as ingest:
        ingest.write(b"x" * 70_000)
    (store.root / "something else").write_bytes(b"x" * 20_000)
    set_aside(store, b"x" * 30_000)
    usage = store.usage()
    assert usage.total_bytes == du(store.root)
    assert usage.ingest_bytes >= 70_000
    assert usage.quarantine_bytes >= 30_000
    assert usage.content_bytes >= 114_000
    assert usage.content_bytes < 170_000, "the shared layer is there once"
    assert usage.snapshot_bytes["fake"] > 0
    assert usage.database_bytes > 0
    assert usage.other_bytes >= 20_000
    found = {one.name: (one.images, one.blobs, one.ingests, dict(one.snapshots)) for one in usage.namespaces}
    assert found == {"default": (1, 3, 1, {"fake": 2}), "other": (2, 4, 0, {"fake": 2})}
    assert all(one.content_bytes >= 100_000 for one in usage.namespaces)
    assert all(one.snapshot_bytes["fake"] > 0 for one in usage.namespaces)


def test_reclaimable_is_what_a_collection_frees(store: Store, open_store: Callable[..., Store]) -> None:
    put_image(store, "one", (b"a" * 100_000, b"b" * 50_000))
    with open_store("other") as other:
        put_image(other, "one", (b"a" * 100_000,))
    assert store.usage().reclaimable_bytes == 0
    put_blob(store.shared_content, b"orphan" * 10_000)
    store.images.delete("one")
    promised = store.usage().reclaimable_bytes
    assert 110_000 < promised < 200_000, "the layer that the other namespace has stays"
    assert store.collect().freed_bytes == promised
    usage = store.usage()
    assert usage.reclaimable_bytes == 0
    assert usage.total_bytes == du(store.root)


def test_a_download_that_was_cut_off_stays_until_the_user_prunes(store: Store) -> None:
    with store.lease() as lease, store.content(lease_id=lease.id).begin("layer") as ingest:
        ingest.write(b"x" * 70_000)
        assert store.usage().reclaimable_bytes == 0, "the lease holds it"
        assert store.prune().ingests == 0
    assert store.collect().ingests == 0
    assert store.usage().reclaimable_bytes == 70_000
    pruned = store.prune()
    assert (pruned.ingests, pruned.freed_bytes) == (1, 70_000)
    assert list(store.content().ingests()) == []


def test_what_repairs_set_aside_goes_when_the_user_prunes_only(store: Store) -> None:
    set_aside(store, b"x" * 30_000)
    promised = store.usage().reclaimable_bytes
    assert promised >= 30_000
    collected = store.collect()
    assert (collected.quarantined, collected.freed_bytes) == ([], 0)
    pruned = store.prune()
    assert (pruned.quarantined, pruned.freed_bytes) == (["blob"], promised)
    assert store.usage().reclaimable_bytes == 0
