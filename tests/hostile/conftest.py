"""A root to unpack into, and beside it a tree that must stay as it is."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from orlop.archive.contract import Limits
from orlop.archive.extractor import ExtractStats, extract
from orlop.archive.tar_reader import TarReader
from trees import describe

from .archives import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Arena:
    """`root` is unpacked into; `outside` is beside it."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.outside = directory / "outside"
        self.root.mkdir()
        (self.outside / "inner").mkdir(parents=True)
        (self.outside / "secret").write_text("secret")
        (self.outside / "inner" / "file").write_text("file")
        (self.outside / "link").symlink_to("secret")
        for path in (self.outside / "secret", self.outside / "inner", self.outside):
            os.utime(path, ns=(1_500_000_000_000_000_001, 1_500_000_000_000_000_001))

    def unpack(self, archive: bytes, **options: object) -> ExtractStats:
        """Unpack into the root."""
        options.setdefault("form", "overlay")
        fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return extract(TarReader(io.BytesIO(archive).read, Limits(**LIMITS)), fd, **options)  # type: ignore[arg-type]
        finally:
            os.close(fd)


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    """The place of one test, which fails if anything outside of the root is another afterwards."""
    arena = Arena(tmp_path)
    before = describe(arena.outside, identities=True)
    siblings = sorted(path.name for path in tmp_path.iterdir())
    yield arena
    assert describe(arena.outside, identities=True) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == siblings
