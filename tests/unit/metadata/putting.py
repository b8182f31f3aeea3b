"""Shorthands of the tests: blobs, images and snapshots, put into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.image.contract import GC_REF_CONTENT, GC_REF_SNAPSHOT
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.content.contract import ContentStore
    from orlop.metadata.store import Store
    from orlop.snapshot.contract import Snapshotter


def put_blob(content: ContentStore, data: bytes, labels: Mapping[str, str] | None = None) -> Digest:
    """Commit a blob."""
    with content.begin(f"put-{Digest.of(data)}") as ingest:
        ingest.truncate()
        ingest.write(data)
        return ingest.commit(size=len(data), labels=labels)


def descriptor(digest: Digest, size: int = 0) -> Descriptor:
    return Descriptor(media_type="application/vnd.oci.image.manifest.v1+json", digest=digest, size=size)


def put_snapshot(
    snapshotter: Snapshotter, name: str, parent: str = "", labels: Mapping[str, str] | None = None
) -> None:
    """A committed snapshot with one file in it."""
    snapshotter.prepare(f"extract {name}", parent)
    (snapshotter.layer_target(f"extract {name}").directory / "file").write_text(name)
    snapshotter.commit(name, f"extract {name}", labels=labels)


def put_image(store: Store, name: str, layers: tuple[bytes, ...] = (b"layer",)) -> list[Digest]:
    """An image as a pull leaves it: a manifest whose labels name its layers, each of which names its snapshot.

    Returns the digests of manifest and layers; the snapshots' names are those of the layers' digests.
    """
    with store.lease() as lease:
        content = store.content(lease_id=lease.id)
        snapshotter = store.snapshotter("fake", lease_id=lease.id)
        digests, parent = [], ""
        for data in layers:
            digest = Digest.of(data)
            put_snapshot(snapshotter, f"chain-{name}-{digest}", parent)
            parent = f"chain-{name}-{digest}"
            put_blob(content, data)
            digests.append(digest)
        labels = {f"{GC_REF_CONTENT}.l.{number}": str(digest) for number, digest in enumerate(digests)}
        labels[f"{GC_REF_SNAPSHOT}.fake"] = parent
        manifest = put_blob(content, f"manifest of {name}".encode(), labels)
        store.images.put(name, descriptor(manifest))
    return [manifest, *digests]
