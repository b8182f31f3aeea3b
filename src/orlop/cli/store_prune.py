"""`orlop prune`: removes what no image and no lease needs, of all namespaces, and what repairs set aside."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .command import Command, Parser, say
from .output import size_text, write_json

if TYPE_CHECKING:
    import argparse

    from orlop.metadata.store import Store

    from .session import Session


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("--all", action="store_true", help="remove the names of this namespace's images first")


def _run(session: Session, arguments: argparse.Namespace) -> int:
    with session.store() as store:
        names = [image.name for image in store.images.list()] if arguments.all else []
        for name in names:
            store.images.delete(name)
        _forget_ended_mounts(store)
        collected = store.prune()
        mounted = _mounted(store) if arguments.all else []
    session.remove_dead_unpackers()
    for failure in collected.failures:
        sys.stderr.write(f"orlop: {failure}\n")
    if session.is_json:
        write_json(
            {
                "images": names,
                "blobs": [str(one) for one in collected.blobs],
                "snapshots": collected.snapshots,
                "downloads": collected.ingests,
                "quarantined": collected.quarantined,
                "freedBytes": collected.freed_bytes,
                "mounted": mounted,
            }
        )
    else:
        removed = [
            _count(len(names), "image"),
            _count(len(collected.blobs), "blob"),
            _count(len(collected.snapshots), "snapshot"),
        ]
        if collected.ingests:
            removed.append(_count(collected.ingests, "download") + " that had been cut off")
        if collected.quarantined:
            removed.append(_count(len(collected.quarantined), "file") + " that repairs had set aside")
        say(f"removed {', '.join(removed)}: {size_text(collected.freed_bytes)} are free again")
        for target in mounted:  # who empties a store wants to hear why it is not empty
            say(f"left, as it is mounted: what `orlop image unmount {target}` lets go of")
    return 1 if collected.failures else 0


def _forget_ended_mounts(store: Store) -> None:
    """Of all namespaces, as the collection is."""
    from orlop.image.mount_records import forget_ended_mounts

    for namespace in store.namespaces.list():
        for snapshotter in store.snapshotters(namespace.name):
            forget_ended_mounts(snapshotter)


def _mounted(store: Store) -> list[str]:
    from orlop.image.mount_records import mounted_images

    return [str(one.target) for snapshotter in store.snapshotters() for one in mounted_images(snapshotter)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


COMMAND = Command(_add_arguments, _run)
