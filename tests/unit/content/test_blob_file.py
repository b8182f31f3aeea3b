"""The file of a committed blob: what is served of it, and what is not."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from orlop.content.blob_file import LocalBlobReader, is_torn, mark_size, marked_size, open_blob
from orlop.errors import KernelError
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT = b"some content"
DIGEST = Digest.of(TEXT)


@pytest.fixture
def directory_fd(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    path = tmp_path / DIGEST.encoded
    path.write_bytes(TEXT)
    with path.open("rb+") as file:
        mark_size(file.fileno(), len(TEXT))
    return path


def test_a_whole_blob_is_opened(directory_fd: int, blob: Path) -> None:
    found = open_blob(directory_fd, DIGEST)
    assert found is not None
    descriptor, status = found
    with LocalBlobReader(descriptor, DIGEST, status.st_size) as reader:
        assert marked_size(reader.fileno()) == reader.size == len(TEXT) == blob.stat().st_size
        assert reader.read_at(5, 100) == b"content"
    assert reader.fileno() == -1


@pytest.mark.parametrize("size", [0, 5, 100])
def test_a_blob_of_another_size_than_it_had_is_not_opened(directory_fd: int, blob: Path, size: int) -> None:
    os.truncate(blob, size)
    assert open_blob(directory_fd, DIGEST) is None


def test_a_blob_without_a_mark_is_opened_unless_it_is_empty(directory_fd: int, blob: Path) -> None:
    os.removexattr(blob, "user.orlop.size")
    found = open_blob(directory_fd, DIGEST)
    assert found is not None
    assert marked_size(found[0]) is None
    os.close(found[0])
    os.truncate(blob, 0)
    assert open_blob(directory_fd, DIGEST) is None


def test_the_empty_blob_is_whole(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb+") as file:
        assert not is_torn(file.fileno(), Digest.of(b""), 0)
        assert is_torn(file.fileno(), DIGEST, 0)


def test_a_mark_that_is_no_number_says_nothing(blob: Path) -> None:
    os.setxattr(blob, "user.orlop.size", b"many")
    with blob.open("rb") as file:
        assert marked_size(file.fileno()) is None


@pytest.mark.parametrize("kind", ["link", "directory", "fifo", "missing"])
def test_only_a_regular_file_is_a_blob(directory_fd: int, blob: Path, kind: str) -> None:
    elsewhere = blob.rename(blob.with_name("elsewhere"))
    if kind == "link":
        blob.symlink_to(elsewhere)
    elif kind == "directory":
        blob.mkdir()
    elif kind == "fifo":
        os.mkfifo(blob)
    assert open_blob(directory_fd, DIGEST) is None


def test_a_file_system_without_attributes_is_no_error(blob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> bytes:
        raise OSError(errno.ENOTSUP, "no attributes")

    monkeypatch.setattr(os, "setxattr", refuse)
    monkeypatch.setattr(os, "getxattr", refuse)
    with blob.open("rb+") as file:
        mark_size(file.fileno(), 5)
        assert marked_size(file.fileno()) is None


def test_another_error_of_attributes_is_one(blob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> bytes:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "setxattr", fail)
    monkeypatch.setattr(os, "getxattr", fail)
    with blob.open("rb+") as file:
        with pytest.raises(OSError, match="broken"):
            mark_size(file.fileno(), 5)
        with pytest.raises(OSError, match="broken"):
            marked_size(file.fileno())


def test_a_read_that_fails_names_the_blob(blob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> bytes:
        raise OSError(errno.EIO, "broken")

    with LocalBlobReader(os.open(blob, os.O_RDONLY), DIGEST, len(TEXT)) as reader:
        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(KernelError, match=f"cannot read {DIGEST}: pread 4 at 1: EIO"):
            reader.read_at(1, 4)


def test_short_reads_are_put_together(blob: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: pread(descriptor, min(length, 5), offset))
    with LocalBlobReader(os.open(blob, os.O_RDONLY), DIGEST, len(TEXT)) as reader:
        assert reader.read_at(0, 100) == TEXT
