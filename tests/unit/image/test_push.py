"""Pushes, from a store into a registry in memory that refuses what is not whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import InvalidArgument, NotFound, OrlopError, Unavailable
from orlop.image.contract import Step
from orlop.image.documents import read_document
from orlop.image.new_image import put_blob, put_manifest
from orlop.image.push import push
from orlop.image.sources import add_labels, source_label
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.manifest import EMPTY_JSON, Manifest
from orlop.oci.media_types import OCI_EMPTY
from orlop.oci.reference import Reference

from .fake_registry import FakeRegistry
from .images import AMD64, ARM64, image_of, index_of
from .pulling import Watching, run, until

if TYPE_CHECKING:
    from orlop.content.local import LocalContentStore

REFERENCE = Reference.parse("example.com/a/b:1")


class _Pushing:
    def __init__(self, content: LocalContentStore) -> None:
        self.content = content
        self.registry = FakeRegistry(chunk_bytes=50)
        self.watching = Watching()

    def run(self, target: Descriptor, *, reference: Reference = REFERENCE, **options: Any) -> Descriptor:
        self.watching = Watching()
        work = push(self.content, self.registry, target, reference, watcher=self.watching.watcher, **options)
        pushed = run(work)
        self.watching.check()
        return pushed

    def refused(self, target: Descriptor, **options: Any) -> OrlopError:
        """Why a push was refused; nothing got the tag."""
        with pytest.raises(OrlopError) as caught:
            self.run(target, **options)
        assert not self.registry.tagged
        return caught.value

    def pushed(self) -> list[str]:
        """The digests of pushed documents, in order."""
        return [one.split()[2] for one in self.registry.asked if one.startswith("push manifest")]


@pytest.fixture
def pushing(content: LocalContentStore) -> _Pushing:
    return _Pushing(content)


def test_an_image_gets_its_tag_when_all_of_it_is_there(pushing: _Pushing) -> None:
    image = image_of(pushing.content, layers=3)
    assert pushing.run(image).digest == image.digest
    assert pushing.registry.tagged == {"1": image.digest}
    assert len(pushing.registry.blobs) == 5
    assert pushing.registry.asked[-1] == f"push manifest {image.digest} 1"
    for blob in pushing.watching.plans[0]:
        assert pushing.watching.steps(blob.digest) == [Step.MOVED, Step.TRANSFERRED]


def test_what_the_registry_has_is_not_sent(pushing: _Pushing) -> None:
    image = image_of(pushing.content)
    pushing.run(image)
    pushing.run(image, at_once=1)
    assert {event.step for event in pushing.watching.events} == {Step.CACHED}


def test_children_come_before_their_index(pushing: _Pushing) -> None:
    amd64, arm64 = image_of(pushing.content), image_of(pushing.content, "b", ARM64)
    inner = index_of(pushing.content, arm64, amd64)
    outer = index_of(pushing.content, amd64, inner, inner)
    pushing.run(outer)
    digests = [amd64.digest, arm64.digest, inner.digest, outer.digest]
    assert pushing.pushed() == [str(one) for one in digests]
    assert pushing.registry.tagged == {"1": outer.digest}


def test_with_a_platform_only_its_manifest_is_pushed(pushing: _Pushing) -> None:
    arm64 = image_of(pushing.content, "b", ARM64)
    gone = replace(image_of(pushing.content), digest=Digest.of(b"gone"))
    index = index_of(pushing.content, gone, arm64)
    assert pushing.run(index, platform=ARM64).digest == arm64.digest
    assert pushing.registry.tagged == {"1": arm64.digest}


def test_a_platform_that_is_not_there_is_told(pushing: _Pushing) -> None:
    index = index_of(pushing.content, image_of(pushing.content))
    error = pushing.refused(index, platform=ARM64)
    assert str(error) == (
        "example.com/a/b:1: there is no image for linux/arm64 in the store; pull --platform linux/arm64"
    )


def test_an_image_for_another_platform_is_not_pushed(pushing: _Pushing) -> None:
    image = image_of(pushing.content)
    assert "is for linux/amd64, not for linux/arm64" in str(pushing.refused(image, platform=ARM64))
    assert pushing.run(image, platform=AMD64).digest == image.digest


def test_an_index_of_which_a_part_is_missing_is_not_pushed(pushing: _Pushing) -> None:
    gone = replace(image_of(pushing.content), digest=Digest.of(b"gone"))
    index = index_of(pushing.content, image_of(pushing.content, "b"), gone)
    error = pushing.refused(index)
    assert isinstance(error, NotFound)
    assert str(error) == (
        f"example.com/a/b:1: {gone.digest} is not in the store; pull --all-platforms, or push one with --platform"
    )
    assert not pushing.registry.asked


def test_an_image_of_which_a_layer_is_missing_is_not_pushed(pushing: _Pushing) -> None:
    image = image_of(pushing.content)
    document = read_document(pushing.content, image)
    assert isinstance(document, Manifest)
    pushing.content.delete(document.layers[0].digest)
    assert f"{document.layers[0].digest} is not in the store" in str(pushing.refused(image))
    assert not pushing.registry.asked


def test_layers_that_may_not_be_distributed_are_left_out_where_they_are_not_there(pushing: _Pushing) -> None:
    document = read_document(pushing.content, image_of(pushing.content))
    assert isinstance(document, Manifest)
    foreign = replace(document.layers[0], digest=Digest.of(b"foreign"), urls=("https://example.org/layer",))
    image = put_manifest(pushing.content, replace(document, layers=(foreign, document.layers[1])))
    pushing.run(image)
    assert pushing.registry.tagged == {"1": image.digest}
    assert foreign.digest not in pushing.registry.blobs


def test_indexes_are_not_nested_without_end(pushing: _Pushing) -> None:
    target = index_of(pushing.content, image_of(pushing.content))
    for _ in range(2):
        target = index_of(pushing.content, target)
    pushing.run(target)
    pushing.registry.tagged.clear()
    error = pushing.refused(index_of(pushing.content, target))
    assert isinstance(error, InvalidArgument)
    assert "indexes are nested more than 3 deep" in str(error)


def test_an_index_may_name_what_is_no_manifest(pushing: _Pushing) -> None:
    other = Descriptor(media_type="application/vnd.example", digest=put_blob(pushing.content, b"other"), size=5)
    index = index_of(pushing.content, image_of(pushing.content), other)
    pushing.run(index)
    assert other.digest in pushing.registry.blobs
    assert other.digest not in pushing.registry.documents


def test_an_artifact_is_pushed(pushing: _Pushing) -> None:
    empty = Descriptor(media_type=OCI_EMPTY, digest=put_blob(pushing.content, EMPTY_JSON), size=2)
    manifest = Manifest(config=empty, layers=(empty,), artifact_type="application/vnd.example")
    target = put_manifest(pushing.content, manifest)
    pushing.run(target)
    assert [len(one) for one in pushing.watching.plans] == [1]
    assert pushing.registry.tagged == {"1": target.digest}


def test_blobs_are_mounted_from_where_they_came(pushing: _Pushing) -> None:
    image = image_of(pushing.content)
    document = read_document(pushing.content, image)
    assert isinstance(document, Manifest)
    first, second = (layer.digest for layer in document.layers)
    add_labels(pushing.content, first, source_label("example.com", "a/b"))
    add_labels(pushing.content, first, source_label("example.com", "c/d"))
    add_labels(pushing.content, second, source_label("example.org", "e/f"))
    pushing.registry.elsewhere["c/d"] = {first}
    pushing.run(image)
    asked = {one for one in pushing.registry.asked if one.startswith("push sha256")}
    assert asked == {f"push {first} c/d", f"push {second}", f"push {document.config.digest}"}
    assert pushing.watching.steps(first) == [Step.CACHED]


def test_a_digest_is_pushed_without_a_tag(pushing: _Pushing) -> None:
    image = image_of(pushing.content)
    reference = Reference.parse(f"example.com/a/b@{image.digest}")
    assert pushing.run(image, reference=reference).digest == image.digest
    assert not pushing.registry.tagged


def test_a_connection_that_breaks_ends_the_push(pushing: _Pushing) -> None:
    image = image_of(pushing.content, layers=3)
    document = read_document(pushing.content, image)
    assert isinstance(document, Manifest)
    pushing.registry.cuts[document.layers[1].digest] = [50]
    assert isinstance(pushing.refused(image), Unavailable)
    assert not pushing.pushed()
    pushing.registry.cuts.clear()
    pushing.run(image)
    assert pushing.registry.tagged == {"1": image.digest}


def test_only_so_many_are_sent_at_once(pushing: _Pushing) -> None:
    async def work() -> None:
        pushing.registry.gate = asyncio.Event()
        watcher, image = pushing.watching.watcher, image_of(pushing.content, layers=6)
        task = asyncio.ensure_future(
            push(pushing.content, pushing.registry, image, REFERENCE, watcher=watcher, at_once=2, platform=AMD64)
        )
        await until(lambda: len(pushing.registry.asked) == 2)
        for _ in range(3):  # a third would have got that far meanwhile
            await asyncio.to_thread(list, ())
        assert len(pushing.registry.asked) == 2
        pushing.registry.gate.set()
        await task

    run(work())
    assert pushing.registry.tagged
