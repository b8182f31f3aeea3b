"""Shorthands of the tests: blobs, images and snapshots, put into a store."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from orlop.errors import AlreadyExists, NotFound
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


def put_image(
    store: Store, name: str, layers: tuple[bytes, ...] = (b"layer",), who: str = "", snapshotter_name: str = "fake"
) -> list[Digest]:
    """An image as a pull leaves it: a manifest whose labels name its layers and the uppermost snapshot.

    What is there is not made again. `who` keeps the ingests of several processes apart. Returns the digests of the
    manifest and the layers.
    """
    with store.lease() as lease:
        content = store.content(lease_id=lease.id)
        snapshotter = store.snapshotter(snapshotter_name, lease_id=lease.id)
        digests = [_fetched(content, data, who) for data in layers]
        parent = ""
        for digest in digests:
            parent = _unpacked(snapshotter, f"chain-{name}-{digest}", parent)
        manifest = _fetched(content, f"manifest of {name}".encode(), who)
        labels: dict[str, str | None] = {f"{GC_REF_CONTENT}.l.{n}": str(digest) for n, digest in enumerate(digests)}
        labels[f"{GC_REF_SNAPSHOT}.{snapshotter_name}"] = parent
        content.update_labels(manifest, labels)
        store.images.put(name, descriptor(manifest))
    return [manifest, *digests]


def _fetched(content: ContentStore, data: bytes, who: str) -> Digest:
    digest = Digest.of(data)
    try:
        with content.begin(f"{who}-{digest}", expected=digest) as ingest:
            ingest.write(data[ingest.offset :])
            return ingest.commit(size=len(data))
    except AlreadyExists:
        return digest


def _unpacked(snapshotter: Snapshotter, name: str, parent: str) -> str:
    try:
        return snapshotter.info(name).name
    except NotFound:
        key = f"extract {secrets.token_hex(4)} {name}"
    snapshotter.prepare(key, parent)
    (snapshotter.layer_target(key).directory / "file").write_text(name)
    try:
        snapshotter.commit(name, key)
    except AlreadyExists:  # another one was quicker, or its record had been lost and is there again
        snapshotter.remove(key)
    return name
