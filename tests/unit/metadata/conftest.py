"""A database in a directory of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.metadata.database import Database
from orlop.metadata.locks import CollectionLock
from orlop.metadata.reserve import Reserve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "metadata.db", Reserve(tmp_path / "reserve")) as database:
        yield database


@pytest.fixture
def lock(tmp_path: Path) -> CollectionLock:
    return CollectionLock(tmp_path)
