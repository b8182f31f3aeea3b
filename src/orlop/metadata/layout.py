"""Where the parts of a store stand below its root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.content.quarantine import QUARANTINE

if TYPE_CHECKING:
    from pathlib import Path

RESERVE_BYTES = 1 << 20  # the log's index (32 KiB) and the log of some hundred deleted rows, twice over


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below `root`, whether they are there or not."""

    root: Path

    @property
    def database(self) -> Path:
        """SQLite's file; beside it are its log (-wal), the log's index (-shm), and the lock of its making (.lock)."""
        return self.root / "metadata.db"

    @property
    def database_files(self) -> tuple[Path, ...]:
        """The database with the files beside it."""
        suffixes = ("", "-wal", "-shm", ".lock")
        return tuple(self.database.with_name(self.database.name + suffix) for suffix in suffixes)

    @property
    def reserve(self) -> Path:
        """Blocks for a full disk."""
        return self.root / "reserve"

    @property
    def leases(self) -> Path:
        """The files of the owners of leases."""
        return self.root / "leases"

    @property
    def content(self) -> Path:
        """The store of content that all namespaces share."""
        return self.root / "content"

    @property
    def ingests(self) -> Path:
        """What of it is on its way in (content/directories.py)."""
        return self.content / "ingest"

    @property
    def quarantine(self) -> Path:
        """What repairs of it set aside (content/quarantine.py)."""
        return self.content / QUARANTINE

    @property
    def quarantined(self) -> list[Path]:
        """What is in there."""
        return sorted(self.quarantine.iterdir()) if self.quarantine.is_dir() else []

    @property
    def snapshots(self) -> Path:
        """The directories of snapshotters."""
        return self.root / "snapshots"

    def snapshotter(self, name: str) -> Path:
        """The directory of one snapshotter."""
        return self.snapshots / name

    def snapshotter_directories(self) -> list[Path]:
        """The directories of snapshotters that are there."""
        return sorted(path for path in self.snapshots.iterdir() if path.is_dir()) if self.snapshots.is_dir() else []
