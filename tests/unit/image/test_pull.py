"""Pulls, from a registry in memory into a real store."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound, OrlopError, PermissionDenied, Unavailable
from orlop.image.contract import Step
from orlop.image.documents import choose, read_document, read_image
from orlop.image.new_image import NewConfig, Origin, put_blob, put_manifest, write_image
from orlop.image.pull import Pulled, PullOptions, pull
from orlop.oci.descriptor import Descriptor
from orlop.oci.manifest import EMPTY_JSON, Index, Manifest
from orlop.oci.media_types import DOCKER_MANIFEST, OCI_EMPTY
from orlop.oci.platform import Platform
from orlop.oci.reference import Reference
from orlop.snapshot.contract import Kind

from .fake_registry import FakeRegistry
from .fake_unpacker import FakeUnpacker
from .images import AMD64, ARM64, image_of, index_of, layer_of
from .pulling import Watching, open_store, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.content.local import LocalContentStore
    from orlop.image.pull import Verify
    from orlop.metadata.collection import Collected
    from orlop.metadata.store import Store

_KINDS = ["fake", "native"]
REFERENCE = Reference.parse("example.com/a/b:1")
NAME = "example.com/a/b:1"
SOURCE = "containerd.io/distribution.source.example.com"


class _Pulling:
    """A registry with images of a source, and pulls of them into a store."""

    def __init__(self, source: LocalContentStore, store: Store) -> None:
        self.source = source
        self.store = store
        self.registry = FakeRegistry(chunk_bytes=100)
        self.unpacker = FakeUnpacker()
        self.watching = Watching()
        self.verify: Verify | None = None

    def offer(self, target: Descriptor) -> Descriptor:
        self.registry.put(self.source, target, "1")
        return target

    async def pull(
        self,
        kind: str = "fake",
        *,
        host: Platform = AMD64,
        store: Store | None = None,
        reference: Reference = REFERENCE,
        all_platforms: bool = False,
    ) -> Pulled:
        options = PullOptions(
            host=host,
            all_platforms=all_platforms,
            snapshotters=[kind],
            unpack=self.unpacker.unpack if kind else None,
            verify=self.verify,
            watcher=self.watching.watcher,
        )
        return await pull(store or self.store, self.registry, reference, options)

    def run(
        self,
        kind: str = "fake",
        *,
        host: Platform = AMD64,
        reference: Reference = REFERENCE,
        all_platforms: bool = False,
    ) -> Pulled:
        self.watching = Watching()
        pulled = run(self.pull(kind, host=host, reference=reference, all_platforms=all_platforms))
        self.watching.check()
        assert not list(self.store.leases.list())
        return pulled

    def refused(self, kind: str = "fake", *, host: Platform = AMD64) -> OrlopError:
        """Why a pull was refused; no name came of it, and no lease stayed."""
        with pytest.raises(OrlopError) as caught:
            run(self.pull(kind, host=host))
        assert not list(self.store.images.list())
        assert not list(self.store.leases.list())
        assert self.unpacker.under_way == self.registry.open_streams == 0
        return caught.value

    def asked(self, word: str) -> list[str]:
        return [one for one in self.registry.asked if one.startswith(word)]

    def holdings(self) -> tuple[list[str], list[str], int]:
        """Blobs, snapshots, and how many ingests there are, on the disk."""
        blobs = sorted(str(info.digest) for info in self.store.shared_content.walk())
        snapshots = sorted(info.name for kind in _KINDS for info in self.store.snapshotter(kind).walk())
        return blobs, snapshots, len(list(self.store.shared_content.ingests()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as store:
        yield store


@pytest.fixture
def pulling(content: LocalContentStore, store: Store) -> _Pulling:
    return _Pulling(content, store)


def _artifact(content: LocalContentStore, subject: Descriptor | None = None) -> Descriptor:
    empty = Descriptor(media_type=OCI_EMPTY, digest=put_blob(content, EMPTY_JSON), size=2)
    data = Descriptor(media_type="application/vnd.example", digest=put_blob(content, b"data"), size=4)
    manifest = Manifest(
        config=empty, layers=(empty, data, data), artifact_type="application/vnd.example", subject=subject
    )
    return put_manifest(content, manifest)


def _is_nothing(collected: Collected) -> bool:
    return not (collected.records or collected.blobs or collected.snapshots or collected.leases or collected.failures)


@pytest.mark.parametrize("kind", _KINDS)
def test_an_image_is_there_with_all_that_holds_it(pulling: _Pulling, kind: str) -> None:
    target = pulling.offer(image_of(pulling.source, layers=3))
    pulled = pulling.run(kind)
    assert (pulled.image.name, pulled.image.target.digest) == (NAME, target.digest)
    assert pulled.manifest.digest == target.digest
    assert pulled.is_image
    assert pulling.store.images.get(NAME) == pulled.image
    content = pulling.store.content()
    chosen = read_image(content, target, name=NAME)
    assert pulled.snapshot == chosen.snapshot
    assert pulling.store.snapshotter(kind).info(pulled.snapshot).kind is Kind.COMMITTED
    labels = content.info(target.digest).labels
    assert labels == {
        SOURCE: "a/b",
        "containerd.io/gc.ref.content.config": str(chosen.manifest.config.digest),
        **{
            f"containerd.io/gc.ref.content.l.{number}": str(layer.digest)
            for number, layer in enumerate(chosen.manifest.layers)
        },
    }
    config_labels = content.info(chosen.manifest.config.digest).labels
    assert config_labels == {SOURCE: "a/b", f"containerd.io/gc.ref.snapshot.{kind}": chosen.snapshot}
    layer_labels = content.info(chosen.manifest.layers[0].digest).labels
    assert layer_labels == {SOURCE: "a/b", "containerd.io/uncompressed": str(chosen.config.diff_ids[0])}


@pytest.mark.parametrize("kind", [*_KINDS, ""])
@pytest.mark.parametrize("is_index", [False, True])
def test_collections_at_every_step_take_nothing_of_a_pull(
    pulling: _Pulling, tmp_path: Path, kind: str, is_index: bool
) -> None:
    image = image_of(pulling.source, layers=3)
    target = pulling.offer(index_of(pulling.source, image, image_of(pulling.source, "b", ARM64)) if is_index else image)
    collections = 0
    with open_store(tmp_path) as other:

        def collect(words: str) -> None:
            nonlocal collections
            collections += 1
            assert _is_nothing(other.collect()), words

        pulling.registry.step = pulling.unpacker.step = collect

        class Told(Watching):
            def __init__(self) -> None:
                super().__init__()
                told, self.watcher = self.watcher, replace(self.watcher, happened=self.happened)
                self._told = told

            def happened(self, event: object) -> None:
                self._told.happened(event)  # type: ignore[arg-type]
                collect(str(event))

        async def verify(*_: object) -> None:
            collect("verified")

        pulling.verify = verify
        pulling.watching = Told()
        pulled = run(pulling.pull(kind))
        assert collections > 20
        before = pulling.holdings()
        assert _is_nothing(other.collect())
        assert pulling.holdings() == before
        assert len(before[0]) == (6 if is_index else 5)
        assert len(before[1]) == (3 if kind else 0)
        assert before[2] == 0
        pulling.registry.step = pulling.unpacker.step = lambda _words: None
        assert pulling.run(kind) == replace(pulled, image=replace(pulled.image, updated_at=_updated(pulling.store)))
        pulling.store.images.delete(NAME)
        other.collect()
        assert pulling.holdings() == ([], [], 0)
    assert target.digest == pulled.image.target.digest


def _updated(store: Store) -> float:
    return store.images.get(NAME).updated_at


def test_the_second_pull_moves_nothing(pulling: _Pulling) -> None:
    pulling.offer(image_of(pulling.source))
    first = pulling.run()
    pulling.registry.asked.clear()
    assert pulling.run().snapshot == first.snapshot
    assert pulling.registry.asked == ["resolve 1"]
    assert {event.step for event in pulling.watching.events} == {Step.CACHED, Step.UNPACKED}


@pytest.mark.parametrize("kind", _KINDS)
def test_a_pull_goes_on_with_what_the_last_one_left(pulling: _Pulling, kind: str) -> None:
    layers = [layer_of(pulling.source, f"f{number}", bytes(range(256)) * 8) for number in range(3)]
    image = write_image(pulling.source, layers, NewConfig(), Origin(platform=AMD64, created_by="x"))
    pulling.offer(image)
    cut = layers[1].blob.digest
    pulling.registry.cuts[cut] = [200]
    assert isinstance(pulling.refused(kind), Unavailable)
    pulling.registry.asked.clear()
    pulling.run(kind)
    (again,) = pulling.asked(f"blob {cut}")
    assert int(again.split()[2]) > 0
    assert not pulling.asked("manifest")
    assert pulling.holdings()[2] == 0


def test_what_a_pull_that_failed_left_is_collected(pulling: _Pulling) -> None:
    pulling.offer(image_of(pulling.source, layers=3))
    pulling.unpacker.wrong = True
    assert isinstance(pulling.refused(), FailedPrecondition)
    pulling.store.collect()
    assert pulling.holdings() == ([], [], 0)


def test_a_cancelled_pull_leaves_neither_name_nor_lease(pulling: _Pulling) -> None:
    image = pulling.offer(image_of(pulling.source))
    layer = read_image(pulling.source, image, name=NAME).layers[1]
    pulling.registry.stalls[layer.descriptor.digest] = 100

    async def work() -> None:
        task = asyncio.ensure_future(pulling.pull())
        await pulling.registry.has_stalled.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(work())
    assert not list(pulling.store.images.list())
    assert not list(pulling.store.leases.list())
    assert pulling.unpacker.under_way == 0
    pulling.store.collect()
    *complete, partial = pulling.holdings()
    assert (complete, partial >= 1) == ([[], []], True), "a pull can go on with what there is of the layers"
    pulling.store.prune()
    assert pulling.holdings() == ([], [], 0)


def test_a_pull_that_is_cancelled_at_any_step_can_be_pulled_again(pulling: _Pulling) -> None:
    pulling.offer(index_of(pulling.source, image_of(pulling.source)))
    is_done, step = False, 0
    while not is_done:
        step += 1
        is_done = run(_cancelled_at(pulling, step))
        assert pulling.unpacker.under_way == pulling.registry.open_streams == 0
        assert all(info.kind.value == "Committed" for info in pulling.store.snapshotter("fake").walk())
        assert not list(pulling.store.leases.list())
        if step % 3 == 0:
            pulling.store.collect()
    assert step > 5
    pulling.registry.step = pulling.unpacker.step = lambda _words: None
    pulling.run()
    pulling.store.images.delete(NAME)
    pulling.store.collect()
    assert pulling.holdings() == ([], [], 0)


async def _cancelled_at(pulling: _Pulling, step: int) -> bool:
    """Cancel a pull at its step of this number; says whether it ended before."""
    left = step

    def count(_words: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            task.cancel()

    pulling.registry.step = pulling.unpacker.step = count
    task = asyncio.ensure_future(pulling.pull())
    await asyncio.wait([task])
    return not task.cancelled()


@pytest.mark.parametrize("kind", _KINDS)
def test_two_pull_one_image_at_once(pulling: _Pulling, tmp_path: Path, kind: str) -> None:
    """In one process, and as in two; each blob comes once."""
    pulling.offer(image_of(pulling.source, layers=3))

    async def work() -> None:
        with open_store(tmp_path) as other:
            pulls = [pulling.pull(kind), pulling.pull(kind), pulling.pull(kind, store=other)]
            found = await asyncio.gather(*pulls)
            assert len({one.snapshot for one in found}) == 1

    run(work())
    asked = pulling.asked("blob")
    assert len(asked) == len(set(asked)) == 4
    before = pulling.holdings()
    assert _is_nothing(pulling.store.collect())
    assert (len(before[0]), len(before[1]), before[2]) == (5, 3, 0)
    assert pulling.holdings() == before


def test_another_namespace_gets_the_labels_too(pulling: _Pulling, tmp_path: Path) -> None:
    image = pulling.offer(image_of(pulling.source))
    pulling.run()
    asked = len(pulling.registry.asked)
    with open_store(tmp_path, "other") as other:
        run(pulling.pull(store=other))
        assert pulling.registry.asked[asked:] == ["resolve 1", f"manifest {image.digest}"]
        labels = [dict(info.labels) for info in other.content().walk()]
        assert labels == [dict(info.labels) for info in pulling.store.content().walk()]
        pulling.store.images.delete(NAME)
        pulling.store.collect()
        assert _is_nothing(other.collect())
        assert len(list(other.content().walk())) == 4


def test_of_an_index_only_the_platforms_image_comes(pulling: _Pulling) -> None:
    amd64, arm64 = image_of(pulling.source), image_of(pulling.source, "b", ARM64)
    index = pulling.offer(index_of(pulling.source, arm64, amd64))
    pulled = pulling.run()
    assert (pulled.image.target.digest, pulled.manifest.digest) == (index.digest, amd64.digest)
    labels = pulling.store.content().info(index.digest).labels
    assert labels == {SOURCE: "a/b", "containerd.io/gc.ref.content.m.1": str(amd64.digest)}
    with pytest.raises(NotFound):
        pulling.store.content().info(arm64.digest)
    # Then the other one too: both stay.
    assert pulling.run(host=ARM64).manifest.digest == arm64.digest
    assert _is_nothing(pulling.store.collect())
    assert choose(pulling.store.content(), index, AMD64, name=NAME).descriptor.digest == amd64.digest


def test_an_index_without_the_platform_is_refused_and_says_what_there_is(pulling: _Pulling) -> None:
    pulling.offer(index_of(pulling.source, image_of(pulling.source)))
    error = pulling.refused(host=ARM64)
    assert str(error) == (
        f"{NAME}: there is no image for linux/arm64; there is linux/amd64; choose one with --platform"
    )


@pytest.mark.parametrize("kind", [*_KINDS, ""])
def test_a_manifest_for_another_platform_is_refused_unless_asked_for(pulling: _Pulling, kind: str) -> None:
    image = pulling.offer(image_of(pulling.source, platform=ARM64))
    error = pulling.refused(kind)
    assert isinstance(error, NotFound)
    assert str(error) == (
        f"{NAME}: is for linux/arm64, not for linux/amd64; use --platform linux/arm64 if that is what you want"
    )
    assert len(pulling.asked("blob")) == 1  # the configuration
    assert pulling.run(kind, host=ARM64).manifest.digest == image.digest


def test_all_of_an_index_comes_and_the_hosts_image_is_unpacked(pulling: _Pulling) -> None:
    images = [image_of(pulling.source), image_of(pulling.source, "b", ARM64), _artifact(pulling.source)]
    index = pulling.offer(index_of(pulling.source, images[0], index_of(pulling.source, *images[1:])))
    pulled = pulling.run(all_platforms=True)
    assert (pulled.image.target.digest, pulled.manifest.digest) == (index.digest, images[0].digest)
    assert pulled.snapshot
    assert _is_nothing(pulling.store.collect()), "the index holds all of it"
    assert {info.digest for info in pulling.store.content().walk()} == {info.digest for info in pulling.source.walk()}
    requests = pulling.asked("blob")
    assert len(requests) == len(set(requests)), "nothing is fetched twice"


@pytest.mark.parametrize("is_index", [False, True])
def test_all_of_what_has_nothing_for_the_host_is_not_unpacked(pulling: _Pulling, is_index: bool) -> None:
    image = image_of(pulling.source, platform=ARM64)
    target = pulling.offer(index_of(pulling.source, image) if is_index else image)
    pulled = pulling.run(all_platforms=True)
    assert (pulled.manifest.digest, pulled.snapshot, pulled.is_image) == (target.digest, "", False)
    assert _is_nothing(pulling.store.collect())
    assert len(list(pulling.store.content().walk())) == len(list(pulling.source.walk()))


def test_nested_indexes_are_looked_through(pulling: _Pulling) -> None:
    amd64 = image_of(pulling.source)
    arm64 = index_of(pulling.source, image_of(pulling.source, "b", ARM64))
    inner = index_of(pulling.source, amd64)
    pulling.offer(index_of(pulling.source, arm64, inner))
    assert pulling.run().manifest.digest == amd64.digest
    assert pulling.store.content().info(inner.digest).labels["containerd.io/gc.ref.content.m.0"] == str(amd64.digest)
    pulling.store.collect()
    assert len(pulling.holdings()[0]) == 6
    deepest = index_of(pulling.source, index_of(pulling.source, index_of(pulling.source, inner)))
    pulling.offer(deepest)
    with pytest.raises(InvalidArgument, match="indexes are nested more than 3 deep"):
        run(pulling.pull())


def test_nested_indexes_without_the_platform(pulling: _Pulling) -> None:
    pulling.offer(index_of(pulling.source, index_of(pulling.source, image_of(pulling.source))))
    assert "there is no image for linux/arm64" in str(pulling.refused(host=ARM64))


def test_what_an_index_does_not_say_the_configuration_says(pulling: _Pulling) -> None:
    amd64, arm64 = (replace(image_of(pulling.source, str(one), one), platform=None) for one in (AMD64, ARM64))
    index = pulling.offer(index_of(pulling.source, _artifact(pulling.source), arm64, amd64))
    assert pulling.run().manifest.digest == amd64.digest
    assert choose(pulling.store.content(), index, AMD64, name=NAME).descriptor.digest == amd64.digest


def test_what_an_index_says_is_believed(pulling: _Pulling) -> None:
    """Configurations of arm images often lack the variant."""
    old_arm = Platform(os="linux", architecture="arm", variant="v6")
    image = image_of(pulling.source, platform=Platform(os="linux", architecture="arm"))
    pulling.offer(index_of(pulling.source, replace(image, platform=old_arm.to_json())))
    assert pulling.run(host=old_arm).manifest.digest == image.digest


def test_an_index_cannot_make_us_ask_for_ever(pulling: _Pulling) -> None:
    arms = [replace(image_of(pulling.source, str(number), ARM64), platform=None) for number in range(70)]
    pulling.offer(index_of(pulling.source, *arms))
    assert "more manifests than a pull may fetch (64)" in str(pulling.refused())


def test_an_artifact_comes_whole_and_is_not_unpacked(pulling: _Pulling) -> None:
    subject = image_of(pulling.source)
    target = pulling.offer(_artifact(pulling.source, subject))
    pulled = pulling.run()
    assert (pulled.is_image, pulled.snapshot, pulled.manifest.digest) == (False, "", target.digest)
    assert not pulling.unpacker.jobs
    assert [len(one) for one in pulling.watching.plans] == [2]
    assert _is_nothing(pulling.store.collect())
    assert len(pulling.holdings()[0]) == 3


def test_an_image_without_layers(pulling: _Pulling) -> None:
    pulling.offer(image_of(pulling.source, layers=0))
    pulled = pulling.run()
    assert (pulled.is_image, pulled.snapshot) == (True, "")
    assert _is_nothing(pulling.store.collect())


def test_one_layer_twice(pulling: _Pulling) -> None:
    part = layer_of(pulling.source, "a", b"a")
    pulling.offer(write_image(pulling.source, [part, part], NewConfig(), Origin(platform=AMD64, created_by="x")))
    pulling.run()
    assert [len(one) for one in pulling.watching.plans] == [2]
    assert _is_nothing(pulling.store.collect())
    assert len(pulling.holdings()[1]) == 2


def test_fetching_only_makes_no_snapshot(pulling: _Pulling) -> None:
    pulling.offer(image_of(pulling.source))
    assert pulling.run("").snapshot == ""
    assert not pulling.holdings()[1]
    assert pulling.run().snapshot
    assert _is_nothing(pulling.store.collect())


def test_a_verifier_that_refuses_is_asked_before_anything_is_fetched(pulling: _Pulling) -> None:
    target = pulling.offer(image_of(pulling.source))
    seen = []

    async def refuse(name: str, descriptor: Descriptor) -> None:
        seen.append((name, descriptor.digest))
        raise PermissionDenied("not signed")

    pulling.verify = refuse
    assert isinstance(pulling.refused(), PermissionDenied)
    assert seen == [(NAME, target.digest)]
    assert pulling.registry.asked == ["resolve 1"]


def test_what_is_neither_image_nor_index_is_refused(pulling: _Pulling) -> None:
    digest = put_blob(pulling.source, b"{}")
    other = Descriptor(media_type="application/json", digest=digest, size=2)
    pulling.registry.documents[digest] = other
    pulling.registry.tagged["1"] = digest
    assert str(pulling.refused()) == f'{NAME}: media type "application/json" is neither an image nor an index'


def test_what_is_not_there_is_told(pulling: _Pulling) -> None:
    assert isinstance(pulling.refused(), NotFound)


def test_a_digest_is_pulled_by_its_digest(pulling: _Pulling) -> None:
    target = pulling.offer(image_of(pulling.source))
    reference = Reference.parse(f"{NAME}@{target.digest}")
    assert pulling.run(reference=reference).image.name == f"example.com/a/b@{target.digest}"
    assert pulling.asked("resolve") == [f"resolve {target.digest}"]


def test_a_name_moves_only_when_the_new_image_is_whole(pulling: _Pulling) -> None:
    old = pulling.offer(image_of(pulling.source))
    pulling.run()
    new = pulling.offer(image_of(pulling.source, "new"))
    pulling.unpacker.wrong = True
    with pytest.raises(FailedPrecondition):
        run(pulling.pull())
    assert pulling.store.images.get(NAME).target.digest == old.digest
    pulling.unpacker.wrong = False
    pulling.run()
    assert pulling.store.images.get(NAME).target.digest == new.digest
    pulling.store.collect()
    assert len(pulling.holdings()[0]) == 4
    assert str(old.digest) not in pulling.holdings()[0]


def test_a_configuration_that_contradicts_its_manifest_is_refused(pulling: _Pulling) -> None:
    image = read_document(pulling.source, image_of(pulling.source))
    assert isinstance(image, Manifest)
    pulling.offer(put_manifest(pulling.source, replace(image, layers=image.layers[:1])))
    assert "names 2 layers; the manifest has 1" in str(pulling.refused())


def test_docker_manifests_are_pulled(pulling: _Pulling) -> None:
    image = read_document(pulling.source, image_of(pulling.source))
    assert isinstance(image, Manifest)
    target = pulling.offer(put_manifest(pulling.source, replace(image, media_type=DOCKER_MANIFEST)))
    assert json.loads(pulling.registry.blobs[target.digest])["mediaType"] == DOCKER_MANIFEST
    assert pulling.run().snapshot
    assert not isinstance(read_document(pulling.store.content(), target), Index)
