"""One blob from a registry into the store."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orlop.content.local import LocalContentStore
from orlop.errors import FailedPrecondition, NotFound, OrlopError, Unavailable
from orlop.image import fetch as module
from orlop.image.contract import Step, Watcher
from orlop.image.fetch import WrongBytes, fetch, ingest_ref, keep
from orlop.image.new_image import put_blob
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

from .fake_registry import FakeRegistry
from .images import read_blob
from .pulling import Watching, run, until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DATA = random.Random(6).randbytes(1_000_000)  # noqa: S311 -- any bytes, the same ones each time
BLOB = Descriptor(media_type="application/octet-stream", digest=Digest.of(DATA), size=len(DATA))
SOURCE = "containerd.io/distribution.source.example.com"


class _Kept:
    """A copy that takes up to `room` bytes before somebody has to wait."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.data = b""
        self.begun = self.ended = self.waited = 0
        self._room = self._left = room

    def begin(self) -> None:
        self.begun += 1

    def offer(self, data: memoryview) -> memoryview:
        assert self.begun == 1
        assert not self.ended
        taken = data[: self._left]
        self.data += taken
        self._left -= len(taken)
        return data[len(taken) :]

    async def until_ready(self) -> None:
        await asyncio.sleep(0)
        self.waited += 1
        self._left = self._room

    def end(self) -> None:
        self.ended += 1


class _Fetching:
    """A store, a registry that has the blob, and fetches of it."""

    def __init__(self, content: LocalContentStore) -> None:
        self.content = content
        self.registry = FakeRegistry(blobs={BLOB.digest: DATA})
        self.watching = Watching()
        self.watching.plans.append([BLOB])

    async def fetch(self, copy: _Kept | None = None, labels: Mapping[str, str] | None = None) -> None:
        watcher = self.watching.watcher
        await fetch(self.content, self.registry, BLOB, watcher=watcher, labels=labels, copy=copy)

    def run(self, copy: _Kept | None = None, labels: Mapping[str, str] | None = None) -> list[Step]:
        """What has become of the blob since the last run."""
        self.watching.events.clear()
        run(self.fetch(copy, labels))
        self.watching.check()
        assert read_blob(self.content, BLOB.digest) == DATA
        assert not list(self.content.ingests())
        assert not self.registry.open_streams
        return self.watching.steps(BLOB.digest)

    def refused(self, copy: _Kept | None = None) -> OrlopError:
        with pytest.raises(OrlopError) as caught:
            run(self.fetch(copy))
        assert not self.registry.open_streams
        return caught.value

    def leave(self, data: bytes) -> None:
        """An earlier try came so far."""
        with self.content.begin(ingest_ref(BLOB), total=BLOB.size, expected=BLOB.digest) as ingest:
            ingest.write(data)

    def offsets(self) -> list[int]:
        """From where the blob was asked for."""
        return [int(one.split()[2]) for one in self.registry.asked]


@pytest.fixture
def fetching(content: LocalContentStore) -> _Fetching:
    return _Fetching(content)


def test_a_blob_comes_with_its_labels(fetching: _Fetching) -> None:
    assert fetching.run(labels={"a": "b"}) == [Step.MOVED, Step.TRANSFERRED]
    assert fetching.content.info(BLOB.digest).labels == {"a": "b"}


def test_what_is_there_is_not_fetched_and_gets_the_labels(fetching: _Fetching) -> None:
    fetching.run(labels={SOURCE: "b", "a": "b"})
    assert fetching.run(labels={SOURCE: "a"}) == [Step.CACHED]
    assert fetching.content.info(BLOB.digest).labels == {SOURCE: "a,b", "a": "b"}
    assert len(fetching.registry.asked) == 1


def test_an_empty_blob_asks_nobody(content: LocalContentStore) -> None:
    empty, copy, watching = Descriptor(media_type="a/b", digest=Digest.of(b""), size=0), _Kept(), Watching()
    registry = FakeRegistry(blobs={empty.digest: b""})
    run(fetch(content, registry, empty, watcher=watching.watcher, copy=copy))
    assert watching.steps(empty.digest) == [Step.TRANSFERRED]
    assert content.info(empty.digest).size == 0
    assert (copy.begun, copy.ended, registry.asked) == (1, 1, [])


def test_a_fetch_goes_on_where_the_connection_broke(fetching: _Fetching) -> None:
    fetching.registry.cuts[BLOB.digest] = [300_000, 700_000]
    assert isinstance(fetching.refused(), Unavailable)
    assert isinstance(fetching.refused(), Unavailable)
    assert fetching.run() == [Step.RESUMED, Step.MOVED, Step.TRANSFERRED]
    first, second, third = fetching.offsets()
    assert first == 0 < second < third


def test_what_was_complete_before_a_crash_is_verified_and_not_fetched(fetching: _Fetching) -> None:
    fetching.leave(DATA)
    assert fetching.run() == [Step.RESUMED, Step.TRANSFERRED]
    assert not fetching.registry.asked


@pytest.mark.parametrize("left", [b"\0" * 5000, b"\0" * len(DATA)], ids=["a part", "all"])
def test_wrong_bytes_of_an_earlier_try_are_fetched_once_more(fetching: _Fetching, left: bytes) -> None:
    fetching.leave(left)
    steps = fetching.run(copy := _Kept())
    assert steps[-3:] == [Step.RESUMED, Step.MOVED, Step.TRANSFERRED]
    assert fetching.offsets()[-1] == 0
    assert (copy.data, copy.begun, copy.ended) == (DATA, 1, 1)


@pytest.mark.parametrize("lie", [DATA[:-1], DATA + b"x", b"\0" * len(DATA)], ids=["short", "long", "other"])
@pytest.mark.parametrize("left", [b"", DATA[:5000]], ids=["new", "resumed"])
def test_a_registry_that_lies_is_asked_once_more_at_most_and_nothing_stays(
    fetching: _Fetching, lie: bytes, left: bytes
) -> None:
    if left:
        fetching.leave(left)
    fetching.registry.lies[BLOB.digest] = lie
    assert isinstance(fetching.refused(), FailedPrecondition)
    assert fetching.offsets() == ([len(left), 0] if left else [0])
    assert all(one.offset == 0 for one in fetching.content.ingests())
    fetching.registry.lies.clear()
    assert fetching.run() == [Step.MOVED, Step.TRANSFERRED]


@pytest.mark.parametrize("left", [b"", DATA[:5000]], ids=["new", "resumed"])
def test_what_one_host_sends_wrong_is_fetched_from_the_next(fetching: _Fetching, left: bytes) -> None:
    if left:
        fetching.leave(left)
    fetching.registry.lies[BLOB.digest] = b"\0" * len(DATA)
    fetching.registry.others.add(BLOB.digest)
    steps = fetching.run()
    assert steps[-2:] == [Step.MOVED, Step.TRANSFERRED]
    assert Step.RESUMED in steps, "the watcher counts from the first byte again"
    assert fetching.offsets() == ([len(left), 0, 0] if left else [0, 0])


def test_a_copy_that_has_had_wrong_bytes_is_told_and_the_next_call_asks_another_host(fetching: _Fetching) -> None:
    fetching.registry.lies[BLOB.digest] = b"\0" * len(DATA)
    fetching.registry.others.add(BLOB.digest)
    copy = _Kept()
    assert isinstance(fetching.refused(copy), WrongBytes)
    assert copy.data != DATA
    copy = _Kept()
    assert fetching.run(copy) == [Step.MOVED, Step.TRANSFERRED]
    assert copy.data == DATA


def test_an_image_that_lies_about_a_size_gets_in_nobodys_way(fetching: _Fetching) -> None:
    for size in (BLOB.size + 1, 1):
        fetching.registry.cuts[BLOB.digest] = [1]
        with pytest.raises(Unavailable):
            run(fetch(fetching.content, fetching.registry, replace(BLOB, size=size), watcher=Watcher()))
    assert len(list(fetching.content.ingests())) == 2
    run(fetching.fetch())
    assert read_blob(fetching.content, BLOB.digest) == DATA
    with pytest.raises(FailedPrecondition, match="has 1000000 bytes, not the 1 of the image"):
        run(fetch(fetching.content, fetching.registry, replace(BLOB, size=1), watcher=Watcher()))


def test_a_blob_that_the_registry_does_not_have(fetching: _Fetching) -> None:
    fetching.registry.blobs.clear()
    assert isinstance(fetching.refused(), NotFound)


@pytest.mark.parametrize("room", [1 << 30, 10_000])
def test_a_copy_gets_all_bytes(fetching: _Fetching, room: int) -> None:
    fetching.run(copy := _Kept(room))
    assert (copy.data, copy.begun, copy.ended) == (DATA, 1, 1)
    assert bool(copy.waited) == (room < len(DATA))


def test_a_copy_of_what_is_resumed_or_there_never_begins(fetching: _Fetching) -> None:
    fetching.leave(DATA[:1000])
    fetching.run(copy := _Kept())
    fetching.run(copy)
    assert (copy.data, copy.begun, copy.ended) == (b"", 0, 0)


def test_a_copy_of_what_breaks_off_never_ends(fetching: _Fetching) -> None:
    fetching.registry.cuts[BLOB.digest] = [300_000]
    fetching.refused(copy := _Kept())
    assert (copy.begun, copy.ended) == (1, 0)
    assert DATA.startswith(copy.data)


def test_a_cancelled_fetch_keeps_what_came_and_lets_go_of_the_rest(fetching: _Fetching) -> None:
    async def work() -> None:
        fetching.registry.stalls[BLOB.digest] = 300_000
        task = asyncio.ensure_future(fetching.fetch())
        await fetching.registry.has_stalled.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not fetching.registry.open_streams

    run(work())
    fetching.registry.stalls.clear()
    assert fetching.run() == [Step.RESUMED, Step.MOVED, Step.TRANSFERRED]
    assert fetching.offsets()[1] >= 300_000


def test_two_fetch_one_blob_once(fetching: _Fetching, tmp_path: Path) -> None:
    with LocalContentStore(tmp_path / "content") as other:

        async def work() -> None:
            gate = Watching()
            second = fetch(other, fetching.registry, BLOB, watcher=gate.watcher)
            third = fetch(fetching.content, fetching.registry, BLOB, watcher=Watcher())
            await asyncio.gather(fetching.fetch(), second, third)

        run(work())
        assert read_blob(other, BLOB.digest) == DATA
    assert fetching.offsets() == [0]


def test_who_waits_goes_on_with_what_the_other_left(fetching: _Fetching, tmp_path: Path) -> None:
    """Another process writes the blob, and is killed."""
    looks: list[int] = []

    async def work() -> None:
        with LocalContentStore(tmp_path / "content") as other:
            ingest = other.begin(ingest_ref(BLOB), total=BLOB.size, expected=BLOB.digest)
            task = asyncio.ensure_future(fetching.fetch())
            await until(lambda: looks)
            ingest.write(DATA[:1000])
            ingest.close()
            await task

    real = fetching.content.ingests

    def ingests() -> object:
        looks.append(1)
        return real()

    fetching.content.ingests = ingests  # type: ignore[method-assign, assignment]
    run(work())
    assert fetching.watching.steps(BLOB.digest) == [Step.RESUMED, Step.MOVED, Step.TRANSFERRED]
    assert fetching.offsets() == [1000]


def test_a_writer_that_hangs_is_told(fetching: _Fetching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STALLED_S", 0.0)
    monkeypatch.setattr(module, "_LOOK_AGAIN_S", 0.0)
    with (
        LocalContentStore(tmp_path / "content") as other,
        other.begin(ingest_ref(BLOB), total=BLOB.size, expected=BLOB.digest),
    ):
        assert "is being written by somebody else" in str(fetching.refused())


def test_a_small_blob_is_kept(content: LocalContentStore) -> None:
    run(keep(content, BLOB, DATA, {SOURCE: "b"}))
    run(keep(content, BLOB, DATA, {SOURCE: "a"}))
    assert read_blob(content, BLOB.digest) == DATA
    assert content.info(BLOB.digest).labels == {SOURCE: "a,b"}


def test_a_small_blob_is_verified(fetching: _Fetching) -> None:
    fetching.leave(DATA[:1000])
    with pytest.raises(FailedPrecondition):
        run(keep(fetching.content, BLOB, b"other", {}))
    assert not list(fetching.content.ingests())


def test_two_keep_one_blob(content: LocalContentStore, tmp_path: Path) -> None:
    async def work() -> None:
        with LocalContentStore(tmp_path / "content") as other:
            await asyncio.gather(*(keep(one, BLOB, DATA, {}) for one in (content, other, content, other)))

    run(work())
    assert read_blob(content, BLOB.digest) == DATA
    assert put_blob(content, DATA) == BLOB.digest
