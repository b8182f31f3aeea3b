"""A content store for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.content.local import LocalContentStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def content(tmp_path: Path) -> Iterator[LocalContentStore]:
    """An empty store."""
    with LocalContentStore(tmp_path / "content") as store:
        yield store
