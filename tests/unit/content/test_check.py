"""Each fault of a store: found, named, repaired, and nothing else touched."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from orlop.content import check as check_module
from orlop.content.check import Fault, check, repair
from orlop.content.ingest_state import directory_name
from orlop.errors import NotFound
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orlop.content.local import LocalContentStore

TEXT = b"content of a blob"
DIGEST = Digest.of(TEXT)
ABSENT = Digest.of(b"never stored")
BLOB = f"blobs/sha256/{DIGEST.encoded}"
LABELS = f"labels/sha256/{DIGEST.encoded}"
INGEST = f"ingest/{directory_name('r')}"


def _put(store: LocalContentStore, data: bytes = TEXT, **labels: str) -> Digest:
    with store.begin("put") as ingest:
        ingest.write(data)
        return ingest.commit(labels=labels)


def _rewrite(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def _make(path: Path) -> None:
    path.mkdir(parents=True)


# What is done to a store with one labelled blob and one ingest; the fault, its path, and what it says.
DAMAGES: dict[str, tuple[Callable[[Path], object], Fault, str, str]] = {
    "empty blob": (lambda root: os.truncate(root / BLOB, 0), Fault.TORN, BLOB, "it has 0 bytes"),
    "short blob": (lambda root: os.truncate(root / BLOB, 3), Fault.TORN, BLOB, "it has 3 bytes"),
    "other content": (
        lambda root: _rewrite(root / BLOB, b"c0ntent of a blob"),
        Fault.CORRUPT,
        BLOB,
        f"it has the digest {Digest.of(b'c0ntent of a blob')}",
    ),
    "link as blob": (lambda root: _link(root / BLOB), Fault.CORRUPT, BLOB, "it is no regular file"),
    "stray blob": (lambda root: (root / "blobs/sha512/name").touch(), Fault.STRAY, "blobs/sha512/name", ""),
    "stray algorithm": (lambda root: _make(root / "blobs/md5/x"), Fault.STRAY, "blobs/md5", ""),
    "stray label algorithm": (lambda root: _make(root / "labels/md5"), Fault.STRAY, "labels/md5", ""),
    "stray in root": (lambda root: (root / "notes").touch(), Fault.STRAY, "notes", ""),
    "stray ingest": (lambda root: (root / "ingest/name").touch(), Fault.STRAY, "ingest/name", ""),
    "file as ingest": (
        lambda root: (root / "ingest" / ABSENT.encoded).touch(),
        Fault.STRAY,
        f"ingest/{ABSENT.encoded}",
        "",
    ),
    "stray in ingest": (lambda root: (root / INGEST / "x").touch(), Fault.STRAY, f"{INGEST}/x", ""),
    "stray labels": (lambda root: (root / "labels/sha256/x").touch(), Fault.STRAY, "labels/sha256/x", ""),
    "directory as labels": (
        lambda root: _make(root / f"labels/sha256/{ABSENT.encoded}"),
        Fault.STRAY,
        f"labels/sha256/{ABSENT.encoded}",
        "",
    ),
    "stale labels": (lambda root: (root / f"{LABELS}.new").touch(), Fault.STALE, f"{LABELS}.new", ""),
    "stale state": (lambda root: (root / INGEST / "state.new").touch(), Fault.STALE, f"{INGEST}/state.new", ""),
    "torn labels": (lambda root: _rewrite(root / LABELS, b"{"), Fault.BAD_LABELS, LABELS, ""),
    "labels alone": (
        lambda root: (root / f"labels/sha256/{ABSENT.encoded}").write_text("{}"),
        Fault.LABELS_ALONE,
        f"labels/sha256/{ABSENT.encoded}",
        "",
    ),
    "no state": (
        lambda root: (root / INGEST / "state").unlink(),
        Fault.LOST_INGEST,
        INGEST,
        "its state or data is missing or torn",
    ),
    "torn state": (
        lambda root: _rewrite(root / INGEST / "state", b""),
        Fault.LOST_INGEST,
        INGEST,
        "its state or data is missing or torn",
    ),
    "no data": (
        lambda root: (root / INGEST / "data").unlink(),
        Fault.LOST_INGEST,
        INGEST,
        "its state or data is missing or torn",
    ),
}


@pytest.fixture
def used(store: LocalContentStore) -> LocalContentStore:
    """A store with blobs and an ingest."""
    _put(store, name="value")
    _put(store, b"another blob")
    with store.begin("r", total=9) as ingest:
        ingest.write(b"half")
    return store


def test_a_whole_store_has_no_findings(used: LocalContentStore) -> None:
    with used.begin("new"):
        assert list(check(used)) == []
    assert list(repair(used)) == []
    assert len(list(used.walk())) == 2
    assert not (used.root / "quarantine").exists()


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_repaired(used: LocalContentStore, root: Path, name: str) -> None:
    damage, fault, path, detail = DAMAGES[name]
    damage(root)
    (finding,) = check(used)
    assert (finding.fault, finding.path, finding.detail) == (fault, path, detail)
    assert str(finding) == f"{path}: {fault.value}" + (f": {detail}" if detail else "")
    assert list(check(used)) == [finding], "check changes nothing"
    assert list(repair(used)) == [finding]
    assert list(check(used)) == []
    whole = {blob.digest for blob in used.walk()}
    lost = {finding.refetch} - {None}
    assert whole | lost == {DIGEST, Digest.of(b"another blob")}
    assert not whole & lost
    assert len(list(used.ingests())) == (0 if fault is Fault.LOST_INGEST else 1)


@pytest.mark.parametrize("name", ["short blob", "other content", "link as blob"])
def test_a_lost_blob_is_set_aside_and_can_be_stored_anew(used: LocalContentStore, root: Path, name: str) -> None:
    DAMAGES[name][0](root)
    for _ in range(2):
        (finding,) = repair(used)
        assert finding.refetch == DIGEST
        assert finding.labels == {"name": "value"}
        with pytest.raises(NotFound):
            used.open(DIGEST)
        with used.begin("again", expected=finding.refetch) as ingest:
            ingest.write(TEXT)
            ingest.commit(labels=finding.labels)
        assert used.info(DIGEST).labels == {"name": "value"}
        DAMAGES[name][0](root)
    aside = f"blobs-sha256-{DIGEST.encoded}"
    assert sorted(path.name for path in (root / "quarantine").iterdir()) == [aside, f"{aside}+"]


def test_a_blob_that_cannot_be_read_is_told_and_the_check_goes_on(
    used: LocalContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = used.blob_path(DIGEST).stat().st_ino
    preadv = os.preadv

    def broken(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        if os.fstat(descriptor).st_ino == bad:
            raise OSError(errno.EIO, "broken")
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", broken)
    (finding,) = check(used)
    assert (finding.fault, finding.refetch, finding.detail) == (Fault.UNREADABLE, DIGEST, "Input/output error")


def test_a_blob_of_sha512_is_read_too(store: LocalContentStore) -> None:
    digest = Digest.of(TEXT, algorithm="sha512")
    with store.begin("long", expected=digest) as ingest:
        ingest.write(TEXT)
        ingest.commit()
    assert list(check(store)) == []
    _rewrite(store.blob_path(digest), b"x" * len(TEXT))
    assert [(finding.fault, finding.refetch) for finding in repair(store)] == [(Fault.CORRUPT, digest)]


def test_what_somebody_writes_is_left_alone(store: LocalContentStore, root: Path) -> None:
    with store.begin("r") as ingest:
        ingest.write(TEXT)
        (root / INGEST / "state").unlink()
        assert list(repair(store)) == []
        ingest.commit()
    assert store.info(DIGEST).size == len(TEXT)


def test_what_has_been_stored_anew_meanwhile_is_not_set_aside(store: LocalContentStore, root: Path) -> None:
    _put(store)
    os.truncate(root / BLOB, 1)
    findings = list(check(store))
    _put(store)
    quarantine = os.open(root, os.O_RDONLY)
    try:
        check_module._set_aside(store.directories, quarantine, findings[0])
    finally:
        os.close(quarantine)
    assert store.info(DIGEST).size == len(TEXT)


def test_labels_whose_blob_has_come_meanwhile_stay(store: LocalContentStore, root: Path) -> None:
    _put(store, name="value")
    store.blob_path(DIGEST).rename(root / "aside")
    (finding,) = (one for one in check(store) if one.fault is Fault.LABELS_ALONE)
    (root / "aside").rename(store.blob_path(DIGEST))
    check_module._remove(store.directories, finding)
    assert store.info(DIGEST).labels == {"name": "value"}


def test_an_ingest_begun_anew_meanwhile_stays(used: LocalContentStore, root: Path) -> None:
    (root / INGEST / "state").unlink()
    (finding,) = check(used)
    with used.begin("r") as ingest:
        check_module._remove(used.directories, finding)
        ingest.write(b"new")
    check_module._remove(used.directories, finding)
    assert [status.offset for status in used.ingests()] == [3]
    used.abort("r")
    check_module._remove(used.directories, finding)
