"""One ingest: what a kill, power loss, a full or broken disk leave of it, and the order of its commit."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.content import ingest as ingest_module
from orlop.content.check import check
from orlop.content.ingest_state import directory_name
from orlop.content.local import LocalContentStore
from orlop.errors import InvalidArgument, KernelError
from orlop.linux.fstab_mount import attach, detach
from orlop.oci.digest import Digest
from unit.full_disk import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


def _state_path(root: Path, ref: str) -> Path:
    return root / "ingest" / directory_name(ref) / "state"


def _after_reboot(root: Path, ref: str) -> None:
    """As if the machine had been switched off: the record names another boot."""
    path = _state_path(root, ref)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"boot_id": "earlier"}), encoding="utf-8")


def _kill(ingest: ingest_module.LocalIngest) -> None:
    """As if the process had been killed: nothing is written down, the lock is gone."""
    ingest._release()


def test_a_killed_writers_bytes_are_all_gone_on_from(store: LocalContentStore) -> None:
    ingest = store.begin("r")
    ingest.write(b"0123456789")
    _kill(ingest)
    with store.begin("r") as again:
        assert again.offset == 10
        assert again.commit() == Digest.of(b"0123456789")


def test_after_power_loss_only_what_was_durable_is_trusted(store: LocalContentStore, root: Path) -> None:
    with store.begin("r") as ingest:
        ingest.write(b"01234")
    ingest = store.begin("r")
    ingest.write(b"56789")
    _kill(ingest)
    _after_reboot(root, "r")
    assert [status.offset for status in store.ingests()] == [5]
    with store.begin("r") as again:
        assert again.offset == 5
        assert again.commit() == Digest.of(b"01234")


def test_a_file_that_is_shorter_than_what_was_durable_is_gone_on_from_where_it_ends(
    store: LocalContentStore, root: Path
) -> None:
    with store.begin("r") as ingest:
        ingest.write(b"0123456789")
    os.truncate(_state_path(root, "r").with_name("data"), 3)
    _after_reboot(root, "r")
    with store.begin("r") as again:
        assert again.offset == 3
    assert json.loads(_state_path(root, "r").read_bytes())["durable"] == 3


def test_a_torn_state_begins_anew(store: LocalContentStore, root: Path) -> None:
    with store.begin("r", total=5) as ingest:
        ingest.write(b"01234")
    _state_path(root, "r").write_bytes(b"\0" * 80)
    with store.begin("r", total=6) as again:
        assert again.offset == 0


def test_what_was_durable_is_written_down_as_it_grows(
    store: LocalContentStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "CHECKPOINT", 4 * MIB)
    ingest = store.begin("r")
    for _ in range(9):
        ingest.write(bytes(MIB))
    assert json.loads(_state_path(root, "r").read_bytes())["durable"] == 8 * MIB
    _kill(ingest)
    _after_reboot(root, "r")
    with store.begin("r") as again:
        assert again.offset == 8 * MIB


def test_rewritten_bytes_are_not_taken_for_durable(store: LocalContentStore, root: Path) -> None:
    with store.begin("r") as ingest:
        ingest.write(b"0123456789")
    ingest = store.begin("r")
    ingest.truncate(4)
    ingest.write(b"abcdef")
    _kill(ingest)
    _after_reboot(root, "r")
    with store.begin("r") as again:
        assert again.offset == 4


def test_a_bad_label_leaves_the_ingest(store: LocalContentStore) -> None:
    with store.begin("r") as ingest:
        ingest.write(b"text")
        with pytest.raises(InvalidArgument, match="a key is empty"):
            ingest.commit(labels={"": "x"})
        assert ingest.commit() == Digest.of(b"text")


def test_an_fsync_that_fails_gives_up_what_was_not_durable(
    store: LocalContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.begin("r") as ingest:
        ingest.write(b"01234")
    ingest = store.begin("r")
    ingest.write(b"56789")
    data = ingest._data
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        if descriptor == data:
            raise OSError(errno.EIO, "broken")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(KernelError, match='cannot store content: ingest "r": fsync: EIO') as caught:
            ingest.commit()
    assert (caught.value.call, caught.value.errno) == ("fsync", errno.EIO)
    assert ingest.offset == 5
    ingest.close()
    assert list(store.walk()) == []
    with store.begin("r") as again:
        assert again.offset == 5


def test_a_failing_publication_leaves_the_ingest(store: LocalContentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def fail(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if source == "data":
            raise OSError(errno.EDQUOT, "quota")
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    with store.begin("r") as ingest:
        ingest.write(b"text")
        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", fail)
            with pytest.raises(KernelError, match="rename: EDQUOT"):
                ingest.commit()
    with store.begin("r") as again:
        assert again.offset == 4
        again.write(b"!")
        assert again.commit() == Digest.of(b"text!")


class _Recorder:
    """Writes down the calls that make things durable, and on what, and lets them through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.calls: list[str] = []
        self._root = root
        self._fsync, self._rename = os.fsync, os.rename
        monkeypatch.setattr(os, "fsync", self._record_fsync)
        monkeypatch.setattr(os, "rename", self._record_rename)

    def _name(self, descriptor: int) -> str:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        parts = path.relative_to(self._root).parts
        return "/".join("HEX" if len(part) == 64 else part.replace(self._hex(part), "HEX") for part in parts)

    @staticmethod
    def _hex(part: str) -> str:
        return part[:64] if len(part) > 64 else "\0"

    def _record_fsync(self, descriptor: int) -> None:
        self.calls.append(f"fsync {self._name(descriptor)}")
        self._fsync(descriptor)

    def _record_rename(self, source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        self.calls.append(f"rename to {self._name(dst_dir_fd)}")
        self._rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)


def test_the_order_of_a_commit(store: LocalContentStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.begin("r") as ingest:
        ingest.write(b"text")
        recorder = _Recorder(monkeypatch, root)
        ingest.commit(labels={"a": "1"})
    assert recorder.calls == [
        "fsync ingest/HEX/data",
        "fsync labels/sha256/HEX.new",
        "rename to labels/sha256",
        "fsync labels/sha256",
        "rename to blobs/sha256",
        "fsync blobs/sha256",
    ]


def test_a_commit_of_what_is_there_waits_for_its_directory_too(
    store: LocalContentStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may have renamed it a moment ago, and not yet made that durable."""
    for ref in ("first", "second"):
        with store.begin(ref) as ingest:
            ingest.write(b"text")
            if ref == "second":
                recorder = _Recorder(monkeypatch, root)
            ingest.commit()
    assert recorder.calls == ["fsync ingest/HEX/data", "fsync blobs/sha256"]


@contextmanager
def _small_file_system(path: Path, size: str) -> Iterator[Path]:
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "orlop-test", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.needs_root
def test_a_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    data = os.urandom(3 * MIB)
    with _small_file_system(tmp_path / "small", "2m") as small, LocalContentStore(small / "content") as store:
        with store.begin("r") as ingest:
            with pytest.raises(
                KernelError, match=r'cannot store content: ingest "r": write: ENOSPC .*; the disk is full'
            ) as caught:
                ingest.write(data)
            assert caught.value.errno == errno.ENOSPC
            written = ingest.offset
            assert MIB < written < 2 * MIB
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        with store.begin("r") as again:
            assert again.offset == written
            again.write(data[written:])
            assert again.commit() == Digest.of(data)
        assert list(check(store)) == []


@pytest.mark.needs_root
def test_a_full_disk_can_be_emptied(tmp_path: Path) -> None:
    with _small_file_system(tmp_path / "small", "2m") as small, LocalContentStore(small / "content") as store:
        with store.begin("kept") as ingest:
            ingest.write(b"kept")
            kept = ingest.commit(labels={"a": "1"})
        ingest = store.begin("big")
        with pytest.raises(KernelError, match="ENOSPC"):
            ingest.write(bytes(3 * MIB))
        with pytest.raises(KernelError, match="ENOSPC"):
            store.update_labels(kept, {"b": "2"})
        assert store.info(kept).labels == {"a": "1"}
        ingest.close()
        store.abort("big")
        assert store.update_labels(kept, {"b": "2"}).labels == {"a": "1", "b": "2"}
        store.delete(kept)
        assert list(check(store)) == []


@pytest.mark.needs_root
def test_an_ingest_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    attach("tmpfs", "tmpfs", ("size=1m",), str(tmp_path))
    try:
        store = LocalContentStore(tmp_path / "content")
        with store.begin("old") as ingest:
            ingest.write(b"01234")
        fill(tmp_path)
        with pytest.raises(KernelError, match="No space left on device"):
            store.begin("new")
        with pytest.raises(KernelError, match="No space left on device"):
            store.begin("old")
        (tmp_path / "filler").unlink()
        assert len(list((tmp_path / "content/ingest").iterdir())) == 1
        with store.begin("old") as ingest:
            assert ingest.offset == 5
    finally:
        detach(str(tmp_path))
