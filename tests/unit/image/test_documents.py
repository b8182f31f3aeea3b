"""Manifests, indexes and configurations of a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument, NotFound
from orlop.image.documents import (
    child_labels,
    choose,
    is_there,
    platform_manifest,
    platform_manifests,
    read_document,
    read_image,
    read_small,
    runs_here,
)
from orlop.image.new_image import NewConfig, Origin, put_blob, put_manifest, write_image
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.image_json import MANIFEST_MAX_BYTES
from orlop.oci.manifest import EMPTY_JSON, Index, Manifest
from orlop.oci.media_types import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST

from .images import AMD64, ARM64, NAME, image_of, index_of, layer_of

if TYPE_CHECKING:
    from orlop.content.local import LocalContentStore

_GONE = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"gone"), size=4)


def _unsaid(image: Descriptor) -> Descriptor:
    """A descriptor that does not say for which platform it is."""
    return replace(image, platform=None)


def artifact_of(content: LocalContentStore) -> Descriptor:
    empty = Descriptor(media_type=OCI_EMPTY, digest=put_blob(content, EMPTY_JSON), size=2)
    return put_manifest(content, Manifest(config=empty, layers=(empty,), artifact_type="application/vnd.example"))


def test_a_document_is_read_as_what_it_is(content: LocalContentStore) -> None:
    image = image_of(content)
    assert isinstance(read_document(content, image), Manifest)
    assert isinstance(read_document(content, index_of(content, image)), Index)
    with pytest.raises(InvalidArgument, match=f"manifest {image.digest}"):
        read_document(content, replace(image, media_type=OCI_INDEX))
    with pytest.raises(NotFound):
        read_document(content, _GONE)


def test_what_is_too_large_is_not_read(content: LocalContentStore) -> None:
    with pytest.raises(InvalidArgument, match="4194305 bytes are too many; the limit is 4194304"):
        read_document(content, replace(_GONE, size=MANIFEST_MAX_BYTES + 1))
    digest = put_blob(content, bytes(100))
    assert read_small(content, Descriptor(media_type="a/b", digest=digest, size=100), 100) == bytes(100)


def test_what_is_there_is_told(content: LocalContentStore) -> None:
    assert is_there(content, put_blob(content, b"x"))
    assert not is_there(content, _GONE.digest)


def test_an_image_knows_its_layers_from_the_bottom(content: LocalContentStore) -> None:
    chosen = read_image(content, image_of(content, layers=3), name=NAME)
    assert [layer.descriptor for layer in chosen.layers] == list(chosen.manifest.layers)
    assert [layer.diff_id for layer in chosen.layers] == list(chosen.config.diff_ids)
    assert chosen.layers[0].chain_id == chosen.layers[0].diff_id
    assert chosen.snapshot == str(chosen.layers[2].chain_id)


def test_an_image_may_have_no_layers(content: LocalContentStore) -> None:
    chosen = read_image(content, image_of(content, layers=0), name=NAME)
    assert (chosen.layers, chosen.snapshot) == ([], "")


def test_an_artifact_is_no_image(content: LocalContentStore) -> None:
    with pytest.raises(InvalidArgument, match=r"is an artifact of type application/vnd.example, not an image"):
        read_image(content, artifact_of(content), name=NAME)
    index = index_of(content, image_of(content))
    with pytest.raises(InvalidArgument, match=r"is an artifact of type application/vnd.oci.image.index"):
        read_image(content, index, name=NAME)


def test_layers_and_diff_ids_must_be_as_many(content: LocalContentStore) -> None:
    image = read_document(content, image_of(content, layers=2))
    assert isinstance(image, Manifest)
    broken = put_manifest(content, replace(image, layers=image.layers[:1]))
    with pytest.raises(InvalidArgument, match="names 2 layers; the manifest has 1"):
        read_image(content, broken, name=NAME)


def test_a_manifest_is_taken_for_any_platform(content: LocalContentStore) -> None:
    image = _unsaid(image_of(content, platform=ARM64))
    assert platform_manifests(content, image, AMD64) == [image]
    assert choose(content, image, AMD64, name=NAME).descriptor == image


def test_a_platform_that_is_asked_for_is_that_of_the_manifest(content: LocalContentStore) -> None:
    for image in (image_of(content, platform=ARM64), _unsaid(image_of(content, platform=ARM64))):
        assert platform_manifest(content, image, ARM64, name=NAME) == image
        with pytest.raises(NotFound, match=f"^{NAME}: is for linux/arm64, not for linux/amd64; leave --platform away"):
            platform_manifest(content, image, AMD64, name=NAME)
        with pytest.raises(NotFound, match="not for linux/amd64"):
            choose(content, image, AMD64, name=NAME, is_asked_for=True)
    believed = replace(image_of(content, platform=ARM64), platform=AMD64.to_json())
    assert platform_manifest(content, believed, AMD64, name=NAME) == believed
    with pytest.raises(InvalidArgument, match="is an artifact"):
        platform_manifest(content, artifact_of(content), AMD64, name=NAME)


def test_of_an_index_the_platforms_image_is_chosen(content: LocalContentStore) -> None:
    amd64, arm64 = image_of(content), image_of(content, platform=ARM64)
    index = index_of(content, amd64, arm64)
    assert choose(content, index, AMD64, name=NAME).descriptor.digest == amd64.digest
    assert choose(content, index, ARM64, name=NAME).descriptor.digest == arm64.digest


def test_nested_indexes_and_what_is_missing(content: LocalContentStore) -> None:
    amd64 = image_of(content)
    missing = replace(_GONE, platform=AMD64.to_json())
    inner = index_of(content, missing, amd64)
    outer = index_of(
        content, replace(_GONE, media_type=OCI_INDEX), index_of(content, image_of(content, "b", ARM64)), inner
    )
    assert [one.digest for one in platform_manifests(content, outer, AMD64)] == [amd64.digest]
    deepest = index_of(content, outer)
    assert platform_manifests(content, deepest, AMD64)
    with pytest.raises(InvalidArgument, match="nested more than 3 deep"):
        platform_manifests(content, index_of(content, deepest), AMD64)


def test_what_an_index_does_not_say_the_configuration_says(content: LocalContentStore) -> None:
    amd64, arm64 = _unsaid(image_of(content)), _unsaid(image_of(content, platform=ARM64))
    index = index_of(content, arm64, artifact_of(content), amd64)
    assert choose(content, index, AMD64, name=NAME).descriptor == amd64
    assert choose(content, index, ARM64, name=NAME).descriptor == arm64
    assert runs_here(content, amd64, AMD64)
    assert not runs_here(content, amd64, ARM64)
    assert not runs_here(content, artifact_of(content), AMD64)
    assert not runs_here(content, index, AMD64)


def test_what_an_index_says_is_believed(content: LocalContentStore) -> None:
    """Configurations of arm images often lack the variant that their index says."""
    image = replace(image_of(content, platform=ARM64), platform=AMD64.to_json())
    assert choose(content, index_of(content, image), AMD64, name=NAME).descriptor.digest == image.digest


def test_a_platform_that_is_not_there(content: LocalContentStore) -> None:
    with pytest.raises(NotFound, match="there is no image for linux/arm64 in the store; pull it with --platform"):
        choose(content, index_of(content, image_of(content)), ARM64, name=NAME)


def test_a_document_holds_those_children_that_are_there(content: LocalContentStore) -> None:
    layers = [layer_of(content, "a", b"a"), layer_of(content, "b", b"b")]
    twice = [layers[0], layers[1], layers[0]]
    manifest = read_document(content, write_image(content, twice, NewConfig(), Origin(platform=AMD64, created_by="x")))
    assert isinstance(manifest, Manifest)
    first, second = (str(layer.blob.digest) for layer in layers)
    assert child_labels(manifest, manifest.children[:2]) == {
        "containerd.io/gc.ref.content.config": str(manifest.config.digest),
        "containerd.io/gc.ref.content.l.0": first,
        "containerd.io/gc.ref.content.l.2": first,
    }
    assert child_labels(manifest, iter(manifest.layers[1:2])) == {"containerd.io/gc.ref.content.l.1": second}
    amd64, arm64 = image_of(content), image_of(content, platform=ARM64)
    index = read_document(content, index_of(content, arm64, amd64))
    assert child_labels(index, [amd64]) == {"containerd.io/gc.ref.content.m.1": str(amd64.digest)}
