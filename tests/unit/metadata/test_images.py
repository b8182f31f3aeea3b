"""Images per namespace; tests/contract/test_image_store.py has the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import NotFound
from orlop.metadata.images import NamespacedImages
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from orlop.metadata.database import Database

TARGET = Descriptor(media_type="application/x", digest=Digest.of(b"x"), size=1, data=b"x")


def test_namespaces_do_not_see_each_other(database: Database) -> None:
    ours, theirs = NamespacedImages(database, "a"), NamespacedImages(database, "b")
    ours.put("one", TARGET)
    assert list(theirs.list()) == []
    with pytest.raises(NotFound, match=r'^image "one": not found in namespace "b"$'):
        theirs.get("one")
    with pytest.raises(NotFound):
        theirs.delete("one")
    assert ours.get("one").target == TARGET


def test_the_digest_stands_in_a_column_of_its_own(database: Database) -> None:
    NamespacedImages(database, "a").put("one", TARGET)
    with database.read() as connection:
        rows = connection.execute("SELECT digest FROM images").fetchall()
    assert rows == [(str(TARGET.digest),)]
