"""The first snapshotter that can hold an image gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument, NotImplementedFeature
from orlop.image.contract import Watcher
from orlop.image.documents import read_image
from orlop.image.layers import LayerWork
from orlop.image.unpacking import Unpacked, unpack_image

from .fake_unpacker import FakeUnpacker
from .images import image_of
from .pulling import open_store, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.archive.contract import UnpackJob, UnpackResult
    from orlop.image.documents import Chosen
    from orlop.metadata.store import Store

_NAMES = ("fake", "native")


class _NoIndex(FakeUnpacker):
    """One that cannot put layers into the form of the first snapshotter."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.failure = error
        self.forms: list[str] = []

    async def unpack(self, job: UnpackJob, stream_fd: int) -> UnpackResult:
        self.forms.append(job.form)
        failure = self.failure
        if job.form == "applied":
            self.failure = None
        try:
            return await super().unpack(job, stream_fd)
        finally:
            self.failure = failure


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open store."""
    with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def chosen(store: Store) -> Chosen:
    """An image of two layers."""
    with store.lease() as lease:
        content = store.content(lease_id=lease.id)
        image = image_of(content, layers=2)
        store.images.put("docker.io/library/a:1", image)
    return read_image(store.content(), image, name="a")


def _unpack(store: Store, chosen: Chosen, unpacker: FakeUnpacker) -> Unpacked:
    with store.lease() as lease:
        work = LayerWork(store.content(lease_id=lease.id), None, watcher=Watcher(), at_once=2)
        return run(unpack_image(work, chosen, store, _NAMES, unpacker.unpack, lease_id=lease.id))


def test_the_first_gets_what_it_can_hold(store: Store, chosen: Chosen) -> None:
    assert _unpack(store, chosen, FakeUnpacker()) == Unpacked("fake", chosen.snapshot)
    assert not (store.root / "snapshots/native").exists(), "what is not needed is not made"


def test_the_next_gets_what_the_first_cannot_hold(
    store: Store, chosen: Chosen, caplog: pytest.LogCaptureFixture
) -> None:
    unpacker = _NoIndex(NotImplementedFeature("layer: too many files for an index"))
    assert _unpack(store, chosen, unpacker) == Unpacked("native", chosen.snapshot)
    assert "fake cannot hold this image, the next snapshotter gets it: layer: too many files" in caplog.text
    assert not [one for one in store.snapshotter("fake").walk() if one.name == chosen.snapshot]
    unpacker.forms.clear()
    assert _unpack(store, chosen, unpacker) == Unpacked("native", chosen.snapshot)
    assert unpacker.forms == [], "it is there, so the first is not tried again"


def test_the_last_ones_refusal_is_told(store: Store, chosen: Chosen) -> None:
    unpacker = FakeUnpacker()
    unpacker.failure = NotImplementedFeature("layer: not here either")
    with pytest.raises(NotImplementedFeature, match="not here either"):
        _unpack(store, chosen, unpacker)


def test_a_broken_layer_is_not_tried_again(store: Store, chosen: Chosen) -> None:
    unpacker = _NoIndex(InvalidArgument("layer: damaged"))
    with pytest.raises(InvalidArgument, match="damaged"):
        _unpack(store, chosen, unpacker)
    assert "applied" not in unpacker.forms
