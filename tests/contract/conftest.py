"""What the suites of contracts run against: one line for each implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.content.local import LocalContentStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orlop.content.contract import ContentStore

# Each opens the store that is in a directory; opened twice, the two are as two processes that use one store.
CONTENT_STORES: dict[str, Callable[[Path], ContentStore]] = {
    "local": LocalContentStore,
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
