"""`orlop df`: what takes how much of the disk. The sum is what `du` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command, Parser, say
from .output import size_text, write_json, write_table

if TYPE_CHECKING:
    import argparse

    from orlop.metadata.usage import StoreUsage

    from .session import Session


def _add_arguments(_parser: Parser) -> None:
    """None."""


def _run(session: Session, _arguments: argparse.Namespace) -> int:
    with session.store() as store:
        report = store.usage_report()
    usage = report.measure()  # the logs of the databases are gone with the store, unless others have it open
    if session.is_json:
        write_json(_json(usage))
        return 0
    rows = [
        ("blobs", usage.content_bytes),
        ("on their way in", usage.ingest_bytes),
        ("set aside by repairs", usage.quarantine_bytes),
        *((f"snapshots of {name}", size) for name, size in sorted(usage.snapshot_bytes.items())),
        ("database", usage.database_bytes),
        ("reserve", usage.reserve_bytes),
        ("other", usage.other_bytes),
        ("all", usage.total_bytes),
        ("of that, `orlop prune` frees", usage.reclaimable_bytes),
    ]
    write_table(("WHAT", "SIZE"), [(what, size_text(size)) for what, size in rows], right=frozenset({1}))
    say("")
    write_table(
        ("NAMESPACE", "IMAGES", "BLOBS", "SIZE", "SNAPSHOTS", "SIZE"),
        [
            (
                one.name,
                str(one.images),
                str(one.blobs),
                size_text(one.content_bytes),
                str(sum(one.snapshots.values())),
                size_text(sum(one.snapshot_bytes.values())),
            )
            for one in usage.namespaces
        ],
        right=frozenset(range(1, 6)),
    )
    return 0


def _json(usage: StoreUsage) -> dict[str, object]:
    return {
        "contentBytes": usage.content_bytes,
        "ingestBytes": usage.ingest_bytes,
        "quarantineBytes": usage.quarantine_bytes,
        "snapshotBytes": dict(usage.snapshot_bytes),
        "databaseBytes": usage.database_bytes,
        "reserveBytes": usage.reserve_bytes,
        "otherBytes": usage.other_bytes,
        "totalBytes": usage.total_bytes,
        "reclaimableBytes": usage.reclaimable_bytes,
        "namespaces": [
            {
                "name": one.name,
                "images": one.images,
                "blobs": one.blobs,
                "contentBytes": one.content_bytes,
                "ingests": one.ingests,
                "snapshots": dict(one.snapshots),
                "snapshotBytes": dict(one.snapshot_bytes),
            }
            for one in usage.namespaces
        ],
    }


COMMAND = Command(_add_arguments, _run)
