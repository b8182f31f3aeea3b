"""metadata.db: its version, its errors, and that transactions are whole."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, KernelError, Unavailable
from orlop.linux.disk_reserve import DiskReserve
from orlop.metadata import database as module
from orlop.metadata import schema
from orlop.metadata.database import Database
from orlop.metadata.layout import RESERVE_BYTES
from orlop.metadata.namespaces import Namespaces

if TYPE_CHECKING:
    from pathlib import Path

DEADLINE_S = 120


def opened(path: Path) -> Database:
    return Database.open(path, DiskReserve(path.with_name("reserve"), RESERVE_BYTES))


def test_a_new_one_has_this_version_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    with opened(path) as database, database.read() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.glob("metadata.db*")}
    assert modes == dict.fromkeys(("metadata.db", "metadata.db-wal", "metadata.db-shm", "metadata.db.lock"), 0o600)


def test_a_database_between_versions_gets_the_missing_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metadata.db"
    with opened(path) as database:
        Namespaces(database).create("kept")
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, ("CREATE TABLE later (x)",)))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with opened(path) as database:
        assert [one.name for one in Namespaces(database).list()] == ["kept"]
        with database.read() as connection:
            assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
            assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_a_step_that_fails_leaves_the_version_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metadata.db"
    opened(path).close()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", (*schema.STEPS, ("CREATE TABLE later (x)", "CREATE NONSENSE")))
        patch.setattr(schema, "VERSION", schema.VERSION + 1)
        with pytest.raises(Exception, match="syntax error"):
            opened(path)
    with opened(path) as database, database.read() as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'later'").fetchone() == (0,)


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    opened(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(FailedPrecondition) as caught:
        opened(path)
    assert str(caught.value) == (
        f"{path}: has version 99 and this program knows up to {schema.VERSION}; "
        "use the newer version of Orlop that wrote it"
    )


def test_another_programs_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=1")
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(FailedPrecondition, match="is another program's database; choose another --root"):
        opened(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    path.write_bytes(b"not a database" * 500)
    with pytest.raises(FailedPrecondition, match=r"metadata\.db: .*: it is damaged, or no database; move metadata\.db"):
        opened(path)


def test_damage_that_shows_later_is_told(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    opened(path).close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with opened(path) as database, pytest.raises(FailedPrecondition, match="it is damaged, or no database"):
        list(Namespaces(database).list())


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KernelError, match=r"^cannot open the database: open .*: ELOOP"):
        opened(path)
    assert not (tmp_path / "elsewhere").exists()


def test_leaving_with_an_error_undoes_the_transaction(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO namespaces VALUES ('a', '{}')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(Namespaces(database).list()) == []
    Namespaces(database).create("a")


def test_a_read_sees_one_state(tmp_path: Path) -> None:
    with opened(tmp_path / "metadata.db") as ours, opened(tmp_path / "metadata.db") as theirs:
        with ours.read() as connection:
            assert connection.execute("SELECT count(*) FROM namespaces").fetchone() == (0,)
            Namespaces(theirs).create("a")
            assert connection.execute("SELECT count(*) FROM namespaces").fetchone() == (0,)
        assert [one.name for one in Namespaces(ours).list()] == ["a"]


def test_somebody_who_writes_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.01)
    path = tmp_path / "metadata.db"
    with opened(path) as ours, opened(path) as theirs, theirs.write():  # noqa: SIM117 - the second one is refused
        with pytest.raises(Unavailable, match="database is locked: another process has written for"), ours.write():
            pass


@pytest.mark.parametrize(("is_durable", "synchronous"), [(True, 2), (False, 1)])
def test_durability_is_the_transactions(database: Database, is_durable: bool, synchronous: int) -> None:
    for _ in range(2):
        with database.write(is_durable=not is_durable):
            pass
        with database.write(is_durable=is_durable) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)


def test_threads_take_turns(database: Database) -> None:
    def add(thread: int) -> None:
        for number in range(20):
            Namespaces(database).create(f"t{thread}-{number}")

    threads = [threading.Thread(target=add, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert len(list(Namespaces(database).list())) == 80


def test_what_frees_takes_the_reserve_of_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "metadata.db"):
        pass
    assert (tmp_path / "reserve").exists()
    with opened(tmp_path / "metadata.db") as database:
        monkeypatch.setattr(DiskReserve, "is_disk_full", lambda _: True)
        with database.write():
            pass
        assert (tmp_path / "reserve").exists()
        with database.write(is_freeing=True):
            pass
        assert not (tmp_path / "reserve").exists()
