"""A database, and stores below and above it, in a directory of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.linux.disk_reserve import DiskReserve
from orlop.metadata.content import NamespacedContent
from orlop.metadata.database import Database
from orlop.metadata.layout import RESERVE_BYTES
from orlop.metadata.locks import CollectionLock
from orlop.metadata.snapshots import NamespacedSnapshotter
from orlop.metadata.store import Store

from .fake_content import FakeContent
from .fake_snapshotter import FakeSnapshotter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "metadata.db", DiskReserve(tmp_path / "reserve", RESERVE_BYTES)) as database:
        yield database


@pytest.fixture
def lock(tmp_path: Path) -> CollectionLock:
    return CollectionLock(tmp_path)


@pytest.fixture
def backing(tmp_path: Path) -> FakeContent:
    return FakeContent(tmp_path / "content")


@pytest.fixture
def content(database: Database, backing: FakeContent, lock: CollectionLock) -> NamespacedContent:
    return NamespacedContent(database, backing, lock, "default")


@pytest.fixture
def backing_snapshotter(tmp_path: Path) -> FakeSnapshotter:
    return FakeSnapshotter(tmp_path / "snapshots" / "fake")


@pytest.fixture
def snapshotter(
    database: Database, backing_snapshotter: FakeSnapshotter, lock: CollectionLock
) -> NamespacedSnapshotter:
    return NamespacedSnapshotter(database, backing_snapshotter, lock, "default")


@pytest.fixture
def open_store(tmp_path: Path) -> Callable[..., Store]:
    """Opens the test's store, of the namespace that is given."""

    def opened(namespace: str = "default") -> Store:
        return Store.open(
            tmp_path / "root",
            state=tmp_path / "state",
            content=FakeContent,
            snapshotters={"fake": FakeSnapshotter},
            namespace=namespace,
        )

    return opened


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Iterator[Store]:
    with open_store() as store:
        yield store
