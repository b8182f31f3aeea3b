"""Fixtures of the tests with real registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .images import make_layout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OCI layout with one image."""
    return make_layout(tmp_path_factory.mktemp("layout"))
