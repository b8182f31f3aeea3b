"""The directory of an ingest and its one writer."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from orlop.content.ingest_directory import DATA, STATE, IngestDirectory, read_ingest
from orlop.content.ingest_state import IngestState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORD = IngestState(ref="r", total=0, expected=None, started_at=1.0, durable=0, boot_id="")


@pytest.fixture
def parent_fd(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def _made(parent_fd: int) -> IngestDirectory:
    directory = IngestDirectory.make_and_lock(parent_fd, "one")
    assert directory is not None
    return directory


def test_one_has_the_lock_until_it_closes(parent_fd: int) -> None:
    first = _made(parent_fd)
    assert IngestDirectory.lock(parent_fd, "one") is None
    assert IngestDirectory.make_and_lock(parent_fd, "one") is None
    first.close()
    first.close()
    _made(parent_fd).close()


def test_what_is_not_there_is_not_locked(parent_fd: int) -> None:
    with pytest.raises(FileNotFoundError):
        IngestDirectory.lock(parent_fd, "one")


def test_a_lock_on_a_directory_that_was_removed_meanwhile_is_none(
    parent_fd: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    _made(parent_fd).close()
    locked: list[int] = []

    def replaced_before(descriptor: int, operation: int) -> None:
        if not locked:  # somebody ends this ingest and begins it anew, between our open and our lock
            (tmp_path / "one").rmdir()
            (tmp_path / "one").mkdir()
        locked.append(os.fstat(descriptor).st_ino)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", replaced_before)
    directory = IngestDirectory.lock(parent_fd, "one")
    assert directory is not None
    assert len(locked) == 2
    assert os.fstat(directory.descriptor).st_ino == (tmp_path / "one").stat().st_ino
    directory.close()


def test_state_and_data_are_read_without_the_lock(parent_fd: int, tmp_path: Path) -> None:
    directory = _made(parent_fd)
    assert directory.state() is None
    assert read_ingest(parent_fd, "one") is None
    directory.write_state(RECORD)
    assert read_ingest(parent_fd, "one") == (RECORD, None)
    os.close(directory.open_data())
    found = read_ingest(parent_fd, "one")
    assert found is not None
    assert found[1] is not None
    assert found[1].st_mode & 0o777 == 0o600
    (tmp_path / "one" / STATE).write_bytes(b"torn")
    assert read_ingest(parent_fd, "one") is None
    directory.close()
    (tmp_path / "file").touch()
    assert read_ingest(parent_fd, "file") is None
    assert read_ingest(parent_fd, "none") is None


def test_remove_takes_all(parent_fd: int, tmp_path: Path) -> None:
    directory = _made(parent_fd)
    directory.write_state(RECORD, is_durable=True)
    os.close(directory.open_data())
    (tmp_path / "one" / "state.new").touch()
    directory.remove()
    directory.close()
    assert list(tmp_path.iterdir()) == []


def test_data_that_is_a_link_is_not_followed(parent_fd: int, tmp_path: Path) -> None:
    directory = _made(parent_fd)
    (tmp_path / "target").touch()
    (tmp_path / "one" / DATA).symlink_to("../target")
    with pytest.raises(OSError, match="symbolic links"):
        directory.open_data()
    directory.close()
