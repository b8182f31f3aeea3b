"""A content store for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.content.local import LocalContentStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def content(tmp_path: Path) -> LocalContentStore:
    """An empty store."""
    return LocalContentStore(tmp_path / "content")
