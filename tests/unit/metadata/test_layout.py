"""Where the parts of a store stand."""

from __future__ import annotations

from pathlib import Path

from orlop.metadata.layout import Layout


def test_everything_is_below_the_root() -> None:
    layout = Layout(Path("/r"))
    assert layout.database == Path("/r/metadata.db")
    assert [path.name for path in layout.database_files] == [
        "metadata.db",
        "metadata.db-wal",
        "metadata.db-shm",
        "metadata.db.lock",
    ]
    assert layout.ingests == Path("/r/content/ingest")
    assert layout.snapshotter("erofs") == Path("/r/snapshots/erofs")
    assert {layout.reserve.parent, layout.leases.parent, layout.content.parent, layout.snapshots.parent} == {Path("/r")}


def test_the_directories_of_snapshotters_are_found(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert layout.snapshotter_directories() == []
    for name in ("overlayfs", "erofs"):
        layout.snapshotter(name).mkdir(parents=True)
    (layout.snapshots / "file").write_text("")
    assert [path.name for path in layout.snapshotter_directories()] == ["erofs", "overlayfs"]


def test_what_is_set_aside_is_found(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert layout.quarantined == []
    layout.quarantine.mkdir(parents=True)
    (layout.quarantine / "blob").write_text("")
    assert layout.quarantined == [tmp_path / "content/quarantine/blob"]
