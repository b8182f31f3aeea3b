"""Leases per namespace, and `hold` inside a transaction; tests/contract/test_lease_manager.py has the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, InvalidArgument, NotFound
from orlop.image.contract import ResourceType
from orlop.metadata.leases import NamespacedLeases, hold, is_held, release

if TYPE_CHECKING:
    from orlop.metadata.database import Database


def test_namespaces_do_not_see_each_other(database: Database) -> None:
    ours, theirs = NamespacedLeases(database, "a"), NamespacedLeases(database, "b")
    ours.create("pull")
    assert list(theirs.list()) == []
    theirs.create("pull")
    theirs.delete("pull")
    assert [lease.id for lease in ours.list()] == ["pull"]
    with pytest.raises(AlreadyExists):
        ours.create("pull")


@pytest.mark.parametrize("lease_id", ["a\nb", "x" * 256])
def test_ids_are_printable_and_short(database: Database, lease_id: str) -> None:
    with pytest.raises(InvalidArgument, match="an id has up to 255 printable characters"):
        NamespacedLeases(database, "a").create(lease_id)


def test_hold_and_release_in_a_transaction(database: Database) -> None:
    leases = NamespacedLeases(database, "a")
    leases.create("pull")
    with database.write() as connection:
        assert not is_held(connection, "a", "pull", ResourceType.IMAGE, "x")
        hold(connection, "a", "pull", ResourceType.IMAGE, "x")
        assert is_held(connection, "a", "pull", ResourceType.IMAGE, "x")
    assert list(leases.resources("pull")) == [(ResourceType.IMAGE, "x")]
    with database.write() as connection:
        release(connection, "a", ResourceType.IMAGE, "x", lease_id="pull")
    assert list(leases.resources("pull")) == []


def test_no_lease_holds_nothing_and_an_ended_one_is_told(database: Database) -> None:
    leases = NamespacedLeases(database, "a")
    leases.create("late", lifetime_s=-1)
    with database.write() as connection:
        assert is_held(connection, "a", "", ResourceType.IMAGE, "x")
        hold(connection, "a", "", ResourceType.IMAGE, "x")
        assert connection.execute("SELECT count(*) FROM lease_resources").fetchone() == (0,)
        with pytest.raises(NotFound, match=r'^lease "late": not found in namespace "a", or it has expired$'):
            hold(connection, "a", "late", ResourceType.IMAGE, "x")
