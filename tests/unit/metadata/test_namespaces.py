"""Namespaces: made, listed, labelled, and deleted only when empty."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from orlop.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orlop.metadata.images import NamespacedImages
from orlop.metadata.leases import NamespacedLeases
from orlop.metadata.namespaces import Namespace, Namespaces
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from orlop.metadata.database import Database

TARGET = Descriptor(media_type="application/x", digest=Digest.of(b""), size=0)


def test_create_get_list_delete(database: Database) -> None:
    namespaces = Namespaces(database)
    made = namespaces.create("b", labels={"k": "v"})
    assert made == Namespace(name="b", labels={"k": "v"}) == namespaces.get("b")
    namespaces.create("a")
    assert [one.name for one in namespaces.list()] == ["a", "b"]
    namespaces.delete("b")
    assert [one.name for one in namespaces.list()] == ["a"]


def test_names_are_checked_and_unique(database: Database) -> None:
    namespaces = Namespaces(database)
    with pytest.raises(InvalidArgument, match=r"^namespace: 'a/b' is no identifier"):
        namespaces.create("a/b")
    namespaces.create("a")
    with pytest.raises(AlreadyExists, match=r'^namespace "a": exists already$'):
        namespaces.create("a")


def test_labels_change(database: Database) -> None:
    namespaces = Namespaces(database)
    namespaces.create("a", labels={"x": "1", "y": "2"})
    assert dict(namespaces.update_labels("a", {"x": None, "z": "3"}).labels) == {"y": "2", "z": "3"}
    assert dict(namespaces.get("a").labels) == {"y": "2", "z": "3"}


def test_unknown_ones_are_not_found(database: Database) -> None:
    namespaces = Namespaces(database)
    for call in (namespaces.get, namespaces.delete, lambda name: namespaces.update_labels(name, {})):
        with pytest.raises(NotFound, match=r'^namespace "a": not found$'):
            call("a")


def test_the_first_thing_put_in_makes_it_and_keeps_it(database: Database) -> None:
    namespaces = Namespaces(database)
    images, leases = NamespacedImages(database, "a"), NamespacedLeases(database, "a")
    images.put("one", TARGET)
    leases.create("l")
    with pytest.raises(FailedPrecondition) as caught:
        namespaces.delete("a")
    assert str(caught.value) == (
        'cannot delete namespace "a": it has 1 images, 1 leases; remove its images and leases, then `orlop -n a prune`'
    )
    images.delete("one")
    leases.delete("l")
    namespaces.delete("a")
    assert list(namespaces.list()) == []


def test_the_database_itself_keeps_a_namespace_with_rows(database: Database) -> None:
    NamespacedImages(database, "a").put("one", TARGET)
    with database.write() as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM namespaces")
