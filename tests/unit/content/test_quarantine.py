"""The quarantine: emptied of whatever is in it, beside others, and following nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.content.check import repair
from orlop.content.quarantine import QUARANTINE, empty
from orlop.errors import KernelError

if TYPE_CHECKING:
    from orlop.content.local import LocalContentStore

TEXT = b"content of a blob"


def test_a_store_that_was_never_repaired_has_none(store: LocalContentStore, root: Path) -> None:
    assert store.root == root
    assert empty(root) == []


def test_what_a_repair_set_aside_goes_and_the_directory_stays(store: LocalContentStore, root: Path) -> None:
    with store.begin("put") as ingest:
        ingest.write(TEXT)
        digest = ingest.commit()
    blob = root / "blobs/sha256" / digest.encoded
    blob.chmod(0o600)
    blob.write_bytes(b"torn")
    (root / "stray").mkdir()
    (root / "stray/inner").write_bytes(b"x")
    assert len(list(repair(store))) == 2
    assert empty(root) == [f"blobs-sha256-{digest.encoded}", "stray"]
    assert list((root / QUARANTINE).iterdir()) == []
    assert empty(root) == []


def test_a_link_is_removed_and_not_what_it_leads_to(store: LocalContentStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"x")
    (root / QUARANTINE).mkdir()
    (root / QUARANTINE / "link").symlink_to(outside)
    assert empty(store.root) == ["link"]
    assert (outside / "file").exists()


def test_a_quarantine_that_is_a_link_is_an_error(store: LocalContentStore, root: Path, tmp_path: Path) -> None:
    (root / QUARANTINE).symlink_to(tmp_path)
    with pytest.raises(KernelError, match="cannot empty the quarantine"):
        empty(store.root)


def test_what_another_process_removed_meanwhile_is_no_error(
    store: LocalContentStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / QUARANTINE).mkdir()
    for name in ("a", "b"):
        (root / QUARANTINE / name).write_bytes(b"x")
    stat = os.stat

    def raced(path: str, *, dir_fd: int, follow_symlinks: bool) -> os.stat_result:
        Path(root / QUARANTINE / "a").unlink(missing_ok=True)
        return stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "stat", raced)
    empty(store.root)
    monkeypatch.undo()
    assert list((root / QUARANTINE).iterdir()) == []
