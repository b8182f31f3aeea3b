"""Layers on their way into snapshots."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument, KernelError, NotFound, OrlopError, Unavailable
from orlop.image.contract import UNCOMPRESSED, Step
from orlop.image.documents import read_image
from orlop.image.fetch import ingest_ref
from orlop.image.layers import Layer, LayerWork
from orlop.image.new_image import NewConfig, Origin, put_blob, write_image
from orlop.oci.chain_id import chain_ids
from orlop.oci.media_types import LAYER_COMPRESSION, OCI_LAYER, OCI_LAYER_ZSTD
from orlop.snapshot.contract import Kind

from .fake_registry import FakeRegistry
from .fake_unpacker import FakeUnpacker
from .images import AMD64, NAME, image_of, layer_of, read_blob
from .pulling import Watching, open_store, run, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.archive.contract import UnpackJob, UnpackResult
    from orlop.content.local import LocalContentStore
    from orlop.metadata.snapshots import NamespacedSnapshotter
    from orlop.metadata.store import Store
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.digest import Digest

_KINDS = ["fake", "native"]


class _Working:
    """An image in a registry, and works that bring its layers into a store."""

    def __init__(self, source: LocalContentStore, store: Store) -> None:
        self.source = source
        self.store = store
        self.registry = FakeRegistry(chunk_bytes=100)
        self.unpacker = FakeUnpacker()
        self.watching = Watching()
        self.layers: list[Layer] = []
        self.use(image_of(source, layers=3))

    def use(self, image: Descriptor) -> None:
        self.registry.put(self.source, image)
        self.layers = read_image(self.source, image, name=NAME).layers

    def use_large(self, layers: int = 2) -> None:
        """Layers that do not fit in a pipe."""
        texts = [bytes([number]) * 100 + bytes(range(256)) * (12 << 10) for number in range(layers)]
        parts = [layer_of(self.source, "large", text) for text in texts]
        parts = [replace(part, blob=self._uncompressed(part.blob, part.diff_id)) for part in parts]
        self.registry = FakeRegistry()
        self.use(write_image(self.source, parts, NewConfig(), Origin(platform=AMD64, created_by="x")))

    def _uncompressed(self, blob: Descriptor, diff_id: Digest) -> Descriptor:
        raw = gzip.decompress(read_blob(self.source, blob.digest))
        assert put_blob(self.source, raw) == diff_id
        return replace(blob, digest=diff_id, size=len(raw), media_type=OCI_LAYER)

    def snapshotter(self, name: str) -> NamespacedSnapshotter:
        return self.store.snapshotter(name)

    def work(self, *, at_once: int = 3, registry: FakeRegistry | None = None) -> LayerWork:
        self.watching.plans[:] = [list({one.descriptor.digest: one.descriptor for one in self.layers}.values())]
        content, watcher = self.store.content(), self.watching.watcher
        return LayerWork(content, registry or self.registry, watcher=watcher, at_once=at_once)

    async def unpack(self, name: str, *, at_once: int = 3) -> str:
        work = self.work(at_once=at_once)
        return await work.unpack_all(self.layers, self.snapshotter(name), self.unpacker.unpack)

    def run(self, name: str, *, at_once: int = 3) -> str:
        snapshot = run(self.unpack(name, at_once=at_once))
        self.watching.check()
        self.check(name)
        return snapshot

    def check(self, name: str) -> None:
        """Every layer has its blob and its snapshot, on the one below it, and nothing else is there."""
        for layer in self.layers:
            assert read_blob(self.store.content(), layer.descriptor.digest)
            assert self.store.content().info(layer.descriptor.digest).labels[UNCOMPRESSED] == str(layer.diff_id)
        chain = [str(one) for one in chain_ids([layer.diff_id for layer in self.layers])]
        infos = {info.name: info for info in self.snapshotter(name).walk()}
        assert sorted(infos) == sorted(chain)
        assert [infos[one].parent for one in chain] == ["", *chain[:-1]][: len(chain)]
        assert all(info.kind is Kind.COMMITTED for info in infos.values())
        assert self.unpacker.under_way == 0

    def refused(self, name: str, *, at_once: int = 3) -> OrlopError:
        with pytest.raises(OrlopError) as caught:
            run(self.unpack(name, at_once=at_once))
        assert self.unpacker.under_way == self.registry.open_streams == 0
        assert all(info.kind is Kind.COMMITTED for info in self.snapshotter(name).walk())
        return caught.value


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as store:
        yield store


@pytest.fixture
def working(content: LocalContentStore, store: Store) -> _Working:
    return _Working(content, store)


@pytest.mark.parametrize("name", _KINDS)
@pytest.mark.parametrize("at_once", [1, 3])
def test_layers_are_fetched_and_unpacked(working: _Working, name: str, at_once: int) -> None:
    assert working.run(name, at_once=at_once) == str(working.layers[-1].chain_id)
    assert working.unpacker.streamed == (3 if name == "fake" else 0)
    assert working.unpacker.most_under_way <= at_once
    for layer in working.layers:
        steps = [Step.MOVED, Step.TRANSFERRED, Step.UNPACKING, Step.UNPACKED]
        assert working.watching.steps(layer.descriptor.digest) == steps


@pytest.mark.parametrize("name", _KINDS)
def test_what_is_unpacked_is_not_unpacked_again(working: _Working, name: str) -> None:
    working.run(name)
    working.watching.events.clear()
    working.run(name)
    assert len(working.unpacker.jobs) == 3
    assert working.watching.steps(working.layers[0].descriptor.digest) == [Step.CACHED, Step.UNPACKED]


@pytest.mark.parametrize("name", _KINDS)
def test_what_is_there_is_unpacked_from_the_store(working: _Working, name: str) -> None:
    run(working.work().fetch_all([layer.descriptor for layer in working.layers]))
    assert not working.store.content().info(working.layers[0].descriptor.digest).labels
    working.watching.events.clear()
    working.run(name)
    assert working.unpacker.streamed == 0
    steps = [Step.CACHED, Step.UNPACKING, Step.UNPACKED]
    assert working.watching.steps(working.layers[0].descriptor.digest) == steps


@pytest.mark.parametrize("name", _KINDS)
def test_one_layer_twice_in_an_image(working: _Working, name: str) -> None:
    part, other = layer_of(working.source, "a", b"a"), layer_of(working.source, "b", b"b")
    parts = [part, other, part, part]
    working.use(write_image(working.source, parts, NewConfig(), Origin(platform=AMD64, created_by="x")))
    working.run(name)
    assert sum(one.startswith(f"blob {part.blob.digest}") for one in working.registry.asked) == 1


@pytest.mark.parametrize("name", _KINDS)
def test_an_image_without_layers_has_no_snapshot(working: _Working, name: str) -> None:
    working.use(image_of(working.source, layers=0))
    assert working.run(name) == ""


@pytest.mark.parametrize("name", _KINDS)
def test_the_job_says_what_the_layer_is(working: _Working, name: str) -> None:
    working.run(name)
    assert {(job.form, job.compression) for job in working.unpacker.jobs} == {
        ("overlay" if name == "fake" else "applied", "gzip")
    }


def test_the_largest_layer_begins_first(working: _Working) -> None:
    texts = [b"", bytes(range(256)) * 9, b"x"]
    parts = [layer_of(working.source, "a", text) for text in texts]
    working.use(write_image(working.source, parts, NewConfig(), Origin(platform=AMD64, created_by="x")))
    working.run("fake", at_once=1)
    sizes = {str(layer.descriptor.digest): layer.descriptor.size for layer in working.layers}
    asked = [sizes[one.split()[1]] for one in working.registry.asked]
    assert asked == sorted(asked, reverse=True)


@pytest.mark.parametrize("name", _KINDS)
def test_a_layer_that_is_not_its_diff_id_is_refused(working: _Working, name: str) -> None:
    working.unpacker.wrong = True
    error = working.refused(name)
    assert isinstance(error, FailedPrecondition)
    assert "as the image's configuration says" in str(error)
    assert not list(working.snapshotter(name).walk())
    assert not any(UNCOMPRESSED in info.labels for info in working.store.content().walk())
    working.unpacker.wrong = False
    working.run(name)


@pytest.mark.parametrize("name", _KINDS)
def test_a_layer_of_an_unknown_kind_is_refused_before_anything_is_fetched(working: _Working, name: str) -> None:
    layer = working.layers[2]
    encrypted = replace(layer.descriptor, media_type="application/vnd.oci.image.layer.v1.tar+encrypted")
    working.layers[2] = replace(layer, descriptor=encrypted)
    error = working.refused(name)
    assert isinstance(error, InvalidArgument)
    assert 'media type "application/vnd.oci.image.layer.v1.tar+encrypted" cannot be unpacked' in str(error)
    assert not working.registry.asked


def test_every_layer_type_has_its_compression(working: _Working) -> None:
    for media_type, compression in LAYER_COMPRESSION.items():
        layer = working.layers[0]
        assert replace(layer, descriptor=replace(layer.descriptor, media_type=media_type)).compression == compression
    assert LAYER_COMPRESSION[OCI_LAYER_ZSTD] == "zstd"


def test_an_unpacker_that_fails_is_heard_while_the_registry_stands_still(working: _Working) -> None:
    working.use_large()
    stalled = working.layers[0].descriptor.digest
    working.registry.stalls[stalled] = 1 << 20
    working.unpacker.fails_at, working.unpacker.failure = 1 << 16, InvalidArgument("path leaves the layer")
    assert str(working.refused("fake")) == "path leaves the layer"


def test_an_unpacker_that_fails_ends_the_fetch(working: _Working) -> None:
    working.use_large(1)
    working.unpacker.fails_at, working.unpacker.failure = 0, InvalidArgument("path leaves the layer")
    assert str(working.refused("fake")) == "path leaves the layer"
    (ingest,) = working.store.content().ingests()
    assert ingest.offset < working.layers[0].descriptor.size
    working.unpacker.failure = working.unpacker.fails_at = None
    working.run("fake")
    assert len(working.registry.asked) == 2


@pytest.mark.parametrize("name", _KINDS)
def test_an_unpacker_that_fails_at_the_end_is_heard(working: _Working, name: str) -> None:
    working.unpacker.failure = KernelError("cannot write: ENOSPC (No space left on device)")
    assert isinstance(working.refused(name), KernelError)


def test_of_wrong_bytes_the_digest_is_the_reason(working: _Working) -> None:
    """The unpacker's words about them would send the user to who built the image."""
    working.use(image_of(working.source, layers=1))
    digest, size = working.layers[0].descriptor.digest, working.layers[0].descriptor.size
    working.registry.lies[digest] = bytes(size)
    working.registry.chunk_bytes = size
    working.unpacker.failure = InvalidArgument("the archive is damaged")
    error = working.refused("fake", at_once=1)
    assert isinstance(error, FailedPrecondition)
    assert f"not {digest}" in str(error)


@pytest.mark.parametrize("name", _KINDS)
def test_a_layer_that_one_host_sends_wrong_is_unpacked_from_the_next(working: _Working, name: str) -> None:
    wrong = working.layers[1].descriptor
    working.registry.lies[wrong.digest] = bytes(wrong.size)
    working.registry.others.add(wrong.digest)
    working.run(name)
    assert working.registry.asked.count(f"blob {wrong.digest} 0") == 2


def test_an_unpacker_that_fails_of_wrong_bytes_does_not_keep_us_from_the_next_host(working: _Working) -> None:
    """It ends long before the digest is known, and what it says of them is not what the image is."""
    working.use_large(1)
    wrong = working.layers[0].descriptor
    working.registry.lies[wrong.digest] = bytes(wrong.size)
    working.registry.others.add(wrong.digest)
    real = working.unpacker.unpack

    async def strict(job: Any, stream_fd: int) -> Any:
        is_wrong = wrong.digest in working.registry.lies
        working.unpacker.fails_at = 1 << 16 if is_wrong else None
        working.unpacker.failure = InvalidArgument("the archive is damaged") if is_wrong else None
        return await real(job, stream_fd)

    working.unpacker.unpack = strict  # type: ignore[method-assign]
    working.run("fake")
    assert len(working.unpacker.jobs) == 2


def test_an_unpacker_that_fails_of_the_right_bytes_is_heard_where_there_are_mirrors(working: _Working) -> None:
    working.use_large(1)
    working.registry.others.add(working.layers[0].descriptor.digest)
    working.unpacker.fails_at, working.unpacker.failure = 0, InvalidArgument("path leaves the layer")
    assert str(working.refused("fake")) == "path leaves the layer"


def test_an_unpacker_that_stops_reading_and_is_content_is_believed_if_the_diff_id_is_right(working: _Working) -> None:
    working.use_large(1)
    real = working.unpacker.unpack

    async def early(job: Any, stream_fd: int) -> Any:
        working.unpacker.fails_at = 1 << 16
        result = await real(job, stream_fd)
        return replace(result, diff_id=working.layers[0].diff_id)

    working.unpacker.unpack = early  # type: ignore[method-assign]
    working.run("fake")
    assert len(working.unpacker.jobs) == 1


@pytest.mark.parametrize("name", _KINDS)
def test_a_connection_that_breaks_is_the_reason_and_ends_the_unpackers(working: _Working, name: str) -> None:
    working.registry.cuts[working.layers[1].descriptor.digest] = [100]
    assert isinstance(working.refused(name), Unavailable)
    working.run(name)
    offsets = [one for one in working.registry.asked if one.startswith(f"blob {working.layers[1].descriptor.digest}")]
    assert [int(one.split()[2]) > 0 for one in offsets] == [False, True]


def test_wrong_bytes_of_an_earlier_try_are_fetched_and_unpacked_from_the_first(working: _Working) -> None:
    blob = working.layers[1].descriptor
    with working.store.content().begin(ingest_ref(blob), total=blob.size, expected=blob.digest) as ingest:
        ingest.write(b"torn")
    working.run("fake")
    assert working.unpacker.streamed == 3
    steps = working.watching.steps(blob.digest)
    assert [step for step in steps if step is Step.RESUMED] == [Step.RESUMED, Step.RESUMED]
    assert steps[-1] is Step.UNPACKED


@pytest.mark.parametrize("name", _KINDS)
def test_who_is_cancelled_leaves_no_snapshot(working: _Working, name: str) -> None:
    async def work() -> None:
        working.unpacker.gate = asyncio.Event()
        task = asyncio.ensure_future(working.unpack(name))
        await until(lambda: working.unpacker.jobs)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(work())
    assert not list(working.snapshotter(name).walk())
    assert working.unpacker.under_way == working.registry.open_streams == 0
    working.unpacker.gate = None
    working.run(name)


def test_who_is_cancelled_while_a_full_pipe_waits_ends_at_once(working: _Working) -> None:
    """A thread that waits for the unpacker would wait for ever."""
    working.use_large(1)

    async def work() -> None:
        working.unpacker.gate = asyncio.Event()
        task = asyncio.ensure_future(working.unpack("fake"))
        await until(lambda: sum(event.amount for event in working.watching.events) > 1 << 20)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(work())
    assert not list(working.snapshotter("fake").walk())


def test_two_unpack_the_same_at_once(working: _Working, tmp_path: Path) -> None:
    """One in this process, one as in another; who commits second throws its own away."""

    async def work() -> None:
        with open_store(tmp_path) as other:
            second = _Working(working.source, other)
            await asyncio.gather(working.unpack("fake"), working.unpack("fake"), second.unpack("fake"))
            second.check("fake")

    run(work())
    working.check("fake")
    for layer in working.layers:
        assert sum(one.startswith(f"blob {layer.descriptor.digest}") for one in working.registry.asked) <= 1


@pytest.mark.parametrize("name", _KINDS)
def test_a_commit_that_fails_leaves_no_active_snapshot(
    working: _Working, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshotter = working.snapshotter(name)

    def refuse(committed: str, _key: str, **_: object) -> None:
        raise KernelError(f"cannot commit {committed}: ENOSPC")

    monkeypatch.setattr(snapshotter, "commit", refuse)
    monkeypatch.setattr(working.store, "snapshotter", lambda _name: snapshotter)
    assert "ENOSPC" in str(working.refused(name))


def test_what_cannot_be_removed_is_told_beside_the_error(working: _Working, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshotter = working.snapshotter("fake")

    def refuse(_key: str) -> None:
        raise KernelError("cannot remove: EBUSY")

    working.unpacker.wrong = True
    monkeypatch.setattr(snapshotter, "remove", refuse)
    with pytest.raises(FailedPrecondition, match="unpacks to") as caught:
        run(working.work().unpack_all(working.layers[:1], snapshotter, working.unpacker.unpack))
    assert caught.value.__notes__ == ["and what was unpacked is left for a collection: cannot remove: EBUSY"]


def test_layers_that_may_not_be_distributed_are_not_fetched_from_where_the_image_says(working: _Working) -> None:
    layer = working.layers[0]
    foreign = replace(layer.descriptor, urls=("https://evil.example/\x1b[2J",))
    working.layers[0] = replace(layer, descriptor=foreign)
    del working.registry.blobs[foreign.digest]
    error = working.refused("fake")
    assert isinstance(error, NotFound)
    assert r'"https://evil.example/\u001b[2J", is not asked' in str(error)
    working.registry.blobs[foreign.digest] = read_blob(working.source, foreign.digest)
    working.run("fake")


@pytest.mark.parametrize("name", _KINDS)
def test_without_a_registry_the_blobs_must_be_there(working: _Working, name: str) -> None:
    content, watcher = working.store.content(), working.watching.watcher

    def unpack() -> str:
        work = LayerWork(content, None, watcher=watcher, at_once=2)
        return run(work.unpack_all(working.layers, working.snapshotter(name), working.unpacker.unpack))

    with pytest.raises(NotFound, match=r"content sha256:.*: not found"):
        unpack()
    run(working.work().fetch_all([layer.descriptor for layer in working.layers]))
    assert unpack() == str(working.layers[-1].chain_id)
    working.check(name)


_NEEDS_PARENT: list[dict[str, Any]] = [{"passed": (b"bin",)}, {"needs_parent": True}]


@pytest.mark.parametrize("apart", _NEEDS_PARENT)
@pytest.mark.parametrize("at_once", [1, 3])
def test_a_layer_that_needs_its_parent_is_unpacked_on_it_from_the_store(
    working: _Working, at_once: int, apart: dict[str, Any]
) -> None:
    working.unpacker.apart = apart
    working.run("fake", at_once=at_once)
    assert sorted((job.form, job.has_parent) for job in working.unpacker.jobs) == [
        ("applied", True), ("applied", True), ("overlay", False), ("overlay", True), ("overlay", True),
    ]  # fmt: skip
    assert working.unpacker.most_under_way <= at_once
    assert working.unpacker.streamed == 3
    for layer, times in zip(working.layers, (1, 2, 2), strict=True):
        steps = working.watching.steps(layer.descriptor.digest)
        assert steps == [Step.MOVED, Step.TRANSFERRED, *[Step.UNPACKING, Step.UNPACKED] * times]


@pytest.mark.parametrize("apart", _NEEDS_PARENT)
def test_one_that_cannot_be_unpacked_on_its_parent_leaves_nothing(working: _Working, apart: dict[str, Any]) -> None:
    working.unpacker.apart = apart
    unpack = working.unpacker.unpack

    async def failing(job: UnpackJob, stream_fd: int) -> UnpackResult:
        if job.form == "applied":
            working.unpacker.failure = InvalidArgument("layer: too many links")
        return await unpack(job, stream_fd)

    working.unpacker.unpack = failing  # type: ignore[method-assign]
    assert working.refused("fake").message == "layer: too many links"
    assert [info.name for info in working.snapshotter("fake").walk()] == [str(working.layers[0].chain_id)]


def test_who_is_cancelled_while_a_layer_is_unpacked_on_its_parent_leaves_no_active_snapshot(working: _Working) -> None:
    working.unpacker.apart = _NEEDS_PARENT[0]

    async def cancelled() -> None:
        task = asyncio.ensure_future(working.unpack("fake"))
        await until(lambda: any(job.form == "applied" for job in working.unpacker.jobs))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled())
    assert [info.name for info in working.snapshotter("fake").walk()] == [str(working.layers[0].chain_id)]
