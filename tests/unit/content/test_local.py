"""The local store beyond its contract (tests/contract/test_content_store.py): files, other processes, kills."""

from __future__ import annotations

import os
import random
import stat
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from orlop.content.check import Fault, check, repair
from orlop.errors import AlreadyExists, NotFound, Unavailable
from orlop.oci.digest import Digest

from .worker import data_of

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from orlop.content.local import LocalContentStore

    from .conftest import StartWorker

TEXT = b"content of a blob"
DIGEST = Digest.of(TEXT)


def _put(store: LocalContentStore, data: bytes = TEXT, **labels: str) -> Digest:
    with store.begin("put") as ingest:
        ingest.write(data)
        return ingest.commit(labels=labels)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_blob_is_a_read_only_file_under_its_digest(store: LocalContentStore, root: Path) -> None:
    _put(store)
    path = root / "blobs" / "sha256" / DIGEST.encoded
    assert store.blob_path(DIGEST) == path
    assert path.read_bytes() == TEXT
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert path.stat().st_nlink == 1
    assert list((root / "ingest").iterdir()) == []


@pytest.mark.parametrize("size", [0, 3, 100])
def test_a_torn_blob_is_never_served_and_stored_anew(store: LocalContentStore, root: Path, size: int) -> None:
    _put(store, name="kept")
    os.truncate(root / "blobs" / "sha256" / DIGEST.encoded, size)
    for call in (store.open, store.info):
        with pytest.raises(NotFound, match=f"content {DIGEST} is not in the store; pull or load its image again"):
            call(DIGEST)
    assert list(store.walk()) == []
    with store.begin("again", expected=DIGEST) as ingest:
        ingest.write(TEXT)
        ingest.commit(labels={"new": "1"})
    with store.open(DIGEST) as reader:
        assert reader.read_at(0, 100) == TEXT
    assert store.info(DIGEST).labels == {"name": "kept", "new": "1"}


def test_labels_of_a_deletion_that_was_cut_off_are_not_inherited(store: LocalContentStore, root: Path) -> None:
    _put(store, old="1")
    (root / "blobs" / "sha256" / DIGEST.encoded).unlink()
    _put(store)
    assert store.info(DIGEST).labels == {}


def test_the_ingest_of_what_has_come_otherwise_is_removed(store: LocalContentStore) -> None:
    store.begin("slow", expected=DIGEST).close()
    _put(store)
    with pytest.raises(AlreadyExists):
        store.begin("slow", expected=DIGEST)
    assert list(store.ingests()) == []


def test_walk_passes_over_strays(store: LocalContentStore, root: Path) -> None:
    _put(store)
    (root / "blobs/sha256/README").touch()
    (root / "blobs/sha256" / Digest.of(b"x").encoded).symlink_to("README")
    (root / "ingest/README").touch()
    assert [blob.digest for blob in store.walk()] == [DIGEST]
    assert list(store.ingests()) == []


def test_closing_the_store_leaves_readers(store: LocalContentStore) -> None:
    _put(store)
    with store.open(DIGEST) as reader:
        with store:
            pass
        assert reader.read_at(0, 7) == b"content"


def test_two_processes_cannot_write_one_ref_and_a_kill_frees_it(
    store: LocalContentStore, root: Path, start_worker: StartWorker
) -> None:
    with start_worker("hold", root, "shared", 1) as worker:
        assert _line(worker) == "ready"
        _go(worker)
        assert _line(worker) == "held"
        with pytest.raises(Unavailable, match='ingest "shared" is being written by somebody else'):
            store.begin("shared")
        worker.kill()
        worker.wait(120)
    with store.begin("shared") as ingest:
        assert ingest.offset == len(data_of(1))
        assert ingest.commit() == Digest.of(data_of(1))


@pytest.mark.parametrize("one_ref", [False, True], ids=["own refs", "one ref"])
def test_eight_processes_ingest_one_blob(
    store: LocalContentStore, root: Path, start_worker: StartWorker, one_ref: bool
) -> None:
    with ExitStack() as stack:
        workers = [
            stack.enter_context(start_worker("once", root, "same" if one_ref else f"ref-{number}", 5))
            for number in range(8)
        ]
        for worker in workers:
            assert _line(worker) == "ready"
        for worker in workers:
            _go(worker)
        ends = [worker.communicate(timeout=120)[0].split()[-1] for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * 8
    assert set(ends) <= ({"labelled", "there", "busy"} if one_ref else {"labelled", "there"})
    assert "labelled" in ends
    blob = Digest.of(data_of(5))
    assert [info.digest for info in store.walk()] == [blob]
    assert store.info(blob).labels == {"seed": "5", "again": "yes"}
    assert list(store.ingests()) == []
    assert list(check(store)) == []


def test_kills_at_random_moments_leave_a_store_that_goes_on(
    store: LocalContentStore, root: Path, start_worker: StartWorker
) -> None:
    chance = random.Random(os.environ.get("PYTEST_SEED", "orlop"))  # noqa: S311 - moments, no secret
    allowed = {Fault.STALE, Fault.LOST_INGEST, Fault.LABELS_ALONE}
    for _ in range(20):
        with start_worker("loop", root, "kill", 0) as worker:
            assert _line(worker) == "ready"
            _go(worker)
            for _ in range(chance.randrange(1, 60)):
                assert _line(worker)
            worker.kill()
            worker.wait(120)
        assert {finding.fault for finding in check(store)} <= allowed
        for blob in store.walk():  # never a blob without the labels that it was committed with
            assert Digest.of(data_of(int(blob.labels["seed"]))) == blob.digest
    for status in list(store.ingests()):
        seed = int(status.ref.rpartition("-")[2])
        with store.begin(status.ref) as ingest:
            ingest.write(data_of(seed)[ingest.offset :])
            ingest.commit()
    found = {finding.fault for finding in repair(store)}
    assert found <= allowed
    assert list(check(store)) == []
    assert list((root / "ingest").iterdir()) == []
