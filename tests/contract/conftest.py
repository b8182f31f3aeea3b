"""What the suites of contracts run against: one line for each implementation."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import pytest

from orlop.content.local import LocalContentStore
from orlop.linux.disk_reserve import DiskReserve
from orlop.metadata.content import NamespacedContent
from orlop.metadata.database import Database
from orlop.metadata.layout import RESERVE_BYTES
from orlop.metadata.locks import CollectionLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orlop.content.contract import ContentStore


def _namespaced_content(directory: Path) -> ContentStore:
    directory.mkdir(exist_ok=True)
    database = Database.open(directory / "metadata.db", DiskReserve(directory / "reserve", RESERVE_BYTES))
    backing = LocalContentStore(directory / "content")
    content = NamespacedContent(database, backing, CollectionLock(directory), "default")
    weakref.finalize(content, database.close)
    return content


# Each opens the store that is in a directory; opened twice, the two are as two processes that use one store.
CONTENT_STORES: dict[str, Callable[[Path], ContentStore]] = {
    "local": LocalContentStore,
    "namespaced": _namespaced_content,
}


@pytest.fixture(params=CONTENT_STORES)
def open_content_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], ContentStore]:
    """Opens the test's store, as often as wanted."""
    opens = CONTENT_STORES[request.param]
    return lambda: opens(tmp_path / "content")


@pytest.fixture
def content_store(open_content_store: Callable[[], ContentStore]) -> ContentStore:
    """An empty store."""
    return open_content_store()
