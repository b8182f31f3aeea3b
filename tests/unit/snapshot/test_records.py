"""The database of snapshots."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, Internal, KernelError, NotFound, Unavailable
from orlop.snapshot import records as module
from orlop.snapshot.contract import Kind, Usage
from orlop.snapshot.records import MAKING, REMOVING, Records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_USAGE = Usage(size_bytes=4096, inodes=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshots.db"


@pytest.fixture
def records(path: Path) -> Iterator[Records]:
    opened = Records(path)
    yield opened
    opened.close()


def make(records: Records, name: str, parent: str = "") -> int:
    snapshot_id = records.insert(name, Kind.ACTIVE, parent, {}, lambda _: None)
    records.ready(snapshot_id)
    return snapshot_id


def make_committed(records: Records, name: str, parent: str = "") -> int:
    snapshot_id = make(records, f"{name}-work", parent)
    records.commit(snapshot_id, name, _USAGE)
    return snapshot_id


def test_what_is_being_made_is_not_seen_but_has_its_name(records: Records) -> None:
    claimed: list[int] = []
    snapshot_id = records.insert("key", Kind.ACTIVE, "", {"a": "1"}, claimed.append)
    assert claimed == [snapshot_id]
    with pytest.raises(NotFound):
        records.get("key")
    holder = records.holder("key")
    assert holder is not None
    assert (holder.id, holder.state) == (snapshot_id, MAKING)
    assert records.unfinished() == [snapshot_id]
    assert records.walk() == []
    records.ready(snapshot_id)
    assert records.get("key").id == snapshot_id
    assert records.unfinished() == []


def test_an_insert_that_cannot_be_claimed_did_not_happen(records: Records) -> None:
    def refuse(_: int) -> None:
        raise OSError("no lock")

    with pytest.raises(OSError, match="no lock"):
        records.insert("key", Kind.ACTIVE, "", {}, refuse)
    assert records.holder("key") is None


def test_removal_frees_the_name_and_never_the_number(records: Records) -> None:
    first = make(records, "key")
    records.start_removal(first)
    removed = records.by_id(first)
    assert removed is not None
    assert (removed.name, removed.state) == ("", REMOVING)
    assert records.unfinished() == [first]
    second = make(records, "key")
    records.forget(first)
    records.start_removal(second)
    records.forget(second)
    assert make(records, "key") > second > first


def test_a_parent_is_not_removed_before_its_child_is_gone(records: Records) -> None:
    base = make_committed(records, "base")
    child = make(records, "child", "base")
    for _ in ("ready", "removing"):
        with pytest.raises(FailedPrecondition, match='cannot remove snapshot "base"'):
            records.start_removal(base)
        if records.holder("child"):
            records.start_removal(child)
    assert records.unfinished(parent_id=base) == [child]
    assert records.unfinished(parent_id=child) == []
    records.forget(child)
    records.start_removal(base)


def test_the_chain_and_the_walk_follow_parents_given_late(records: Records) -> None:
    top = make(records, "top-work")
    base = make_committed(records, "base")
    records.commit(top, "top", _USAGE, parent="base", labels={"a": "1"})
    assert top < base
    assert records.parents(top) == [base]
    assert [info.name for info in records.walk()] == ["base", "top"]
    assert records.info("top").labels == {"a": "1"}
    assert records.get("top").usage == _USAGE


def test_records_outlive_the_connection(path: Path) -> None:
    first = Records(path)
    make_committed(first, "base")
    first.close()
    second = Records(path)
    assert second.committed("base").name == "base"
    second.close()


def test_it_is_a_wal_database_that_syncs_its_transactions(records: Records) -> None:
    with records._transaction(is_durable=False) as database:
        assert database.execute("PRAGMA synchronous").fetchone() == (1,)
    with records._transaction() as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA synchronous").fetchone() == (2,)
        assert database.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_newer_version_is_refused(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(
        FailedPrecondition, match=r"snapshots.db: version 2 of the records is not 1; use the newer orlop"
    ):
        Records(path)


def test_what_is_no_database_is_told(path: Path) -> None:
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(Internal, match=r"snapshots.db: file is not a database$"):
        Records(path)


def test_a_database_that_another_one_holds_is_unavailable(
    records: Records, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY_TIMEOUT_S", 0)
    other = Records(path)
    with records._transaction(), pytest.raises(Unavailable, match="database is locked; another process is writing"):
        make(other, "key")
    other.close()


def test_a_full_disk_is_told(records: Records) -> None:
    with records._reading() as database:
        pages = database.execute("PRAGMA page_count").fetchone()[0]
    records._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(KernelError, match=r"database or disk is full: ENOSPC .*free some space") as caught:
        records.insert("key", Kind.ACTIVE, "", {"label": "x" * 100_000}, lambda _: None)
    assert caught.value.errno == errno.ENOSPC
    assert records.holder("key") is None
