"""What an index names, once its blobs are in the store."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound
from orlop.image.loaded import LoadedImage, images_of_layout
from orlop.image.new_image import put_blob
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.manifest import parse_manifest
from orlop.oci.media_types import OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST

from .images import ARM64, NAME, image_of, index_of, read_blob

if TYPE_CHECKING:
    from orlop.content.local import LocalContentStore

LAYOUT = b'{"imageLayoutVersion": "1.0.0"}'


def _load(content: LocalContentStore, *descriptors: Descriptor, base_name: str = "") -> list[LoadedImage]:
    index = {"schemaVersion": 2, "manifests": [one.to_json() for one in descriptors]}
    return images_of_layout(content, LAYOUT, json.dumps(index).encode(), base_name=base_name)


def _forget_labels(content: LocalContentStore, digest: Digest) -> None:
    content.update_labels(digest, dict.fromkeys(content.info(digest).labels))


def test_an_image_is_named_and_holds_its_parts(content: LocalContentStore) -> None:
    image = image_of(content)
    labels = content.info(image.digest).labels
    _forget_labels(content, image.digest)
    annotations = {
        "io.containerd.image.name": NAME,
        "org.opencontainers.image.ref.name": "1.0",
        "mine": "kept",
    }
    (found,) = _load(content, replace(image, annotations=annotations))
    assert found == LoadedImage(name=NAME, target=replace(image, annotations={"mine": "kept"}))
    assert content.info(image.digest).labels == labels
    assert len(labels) == 3


def test_names_of_one_image_are_several_and_the_same_twice_is_one(content: LocalContentStore) -> None:
    image = image_of(content)
    tags = [replace(image, annotations={"org.opencontainers.image.ref.name": tag}) for tag in ("1", "2", "1")]
    found = _load(content, *tags, base_name="quay.io/x")
    assert [one.name for one in found] == ["quay.io/x:1", "quay.io/x:2"]
    assert [one.name for one in _load(content, *tags)] == [""]


def test_an_index_holds_what_there_is_of_it(content: LocalContentStore) -> None:
    one, other = image_of(content, "one"), image_of(content, "other", ARM64)
    absent = replace(other, digest=Digest.of(b"absent"))
    broken = image_of(content, "broken")
    manifest = parse_manifest(read_blob(content, broken.digest))
    content.delete(manifest.children[1].digest)
    index = index_of(content, absent, one, broken, other)
    nested = index_of(content, index)
    _load(content, nested)
    assert content.info(index.digest).labels == {
        "containerd.io/gc.ref.content.m.1": str(one.digest),
        "containerd.io/gc.ref.content.m.3": str(other.digest),
    }
    assert content.info(nested.digest).labels == {"containerd.io/gc.ref.content.m.0": str(index.digest)}


def test_an_index_of_nothing_that_is_there_is_not_loaded(content: LocalContentStore) -> None:
    absent = replace(image_of(content), digest=Digest.of(b"absent"))
    with pytest.raises(NotFound, match=f"its part {absent.digest} is neither in the archive nor in the store; save it"):
        _load(content, index_of(content, absent))


def test_an_image_without_a_layer_is_not_loaded(content: LocalContentStore) -> None:
    image = image_of(content)
    lost = parse_manifest(read_blob(content, image.digest)).children[1].digest
    content.delete(lost)
    with pytest.raises(NotFound, match=rf"index\.json\.manifests\[0\]: its part {lost} is neither"):
        _load(content, image)


def _rewritten(content: LocalContentStore, image: Descriptor, **changes: Any) -> Descriptor:
    """The image with another manifest."""
    data = json.dumps(json.loads(read_blob(content, image.digest)) | changes).encode()
    return replace(image, digest=put_blob(content, data), size=len(data))


def test_a_layer_that_is_not_to_be_distributed_may_be_missing(content: LocalContentStore) -> None:
    image = image_of(content, layers=1)
    far = Descriptor(
        media_type=OCI_LAYER_GZIP, digest=Digest.of(b"far"), size=3, urls=("https://example.com/far",)
    ).to_json()
    target = _rewritten(content, image, layers=[far])
    _load(content, target)
    assert list(content.info(target.digest).labels) == ["containerd.io/gc.ref.content.config"]


def test_sizes_must_be_right(content: LocalContentStore) -> None:
    image = image_of(content)
    with pytest.raises(FailedPrecondition, match=f"{image.digest} has {image.size} bytes, not {image.size + 1}"):
        _load(content, replace(image, size=image.size + 1))


def test_a_configuration_for_other_layers_is_refused(content: LocalContentStore) -> None:
    image = image_of(content)
    with pytest.raises(InvalidArgument, match="names 2 layers; the manifest has 0"):
        _load(content, _rewritten(content, image, layers=[]))


def test_an_artifact_is_loaded_too(content: LocalContentStore) -> None:
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(put_blob(content, b"{}")), "size": 2}
    target = _rewritten(content, image_of(content), config=config, layers=[], artifactType="text/plain")
    (found,) = _load(content, target)
    assert found.target == target


def test_a_tower_of_indexes_is_refused(content: LocalContentStore) -> None:
    target = image_of(content)
    for _ in range(4):
        target = index_of(content, target)
    with pytest.raises(InvalidArgument, match="indexes are nested more than 3 deep"):
        _load(content, target)


def test_an_index_that_names_one_thing_very_often_is_no_work(content: LocalContentStore) -> None:
    target = image_of(content)
    for _ in range(3):  # 3000 to the third power, if each were looked at
        target = index_of(content, *[target] * 3000)
    calls = 0
    info = content.info

    def counted(digest: Digest) -> Any:
        nonlocal calls
        calls += 1
        return info(digest)

    content.info = counted  # type: ignore[method-assign]
    _load(content, target)
    assert calls < 30


@pytest.mark.parametrize(
    ("layout", "index", "message"),
    [
        (b"{}", b'{"schemaVersion": 2, "manifests": []}', r"oci-layout\.imageLayoutVersion"),
        (LAYOUT, b'{"schemaVersion": 2, "manifests": []}', "names no image"),
        (LAYOUT, b"[]", r"index\.json"),
        (LAYOUT, b'{"schemaVersion": 2, "config": {}, "layers": []}', r"index\.json"),
    ],
)
def test_documents_that_are_wrong_are_refused(
    content: LocalContentStore, layout: bytes, index: bytes, message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        images_of_layout(content, layout, index, base_name="")


def test_what_is_no_manifest_is_no_image(content: LocalContentStore) -> None:
    layer = Descriptor(media_type=OCI_LAYER_GZIP, digest=put_blob(content, b"x"), size=1)
    with pytest.raises(InvalidArgument, match=r'index\.json\.manifests\[0\]\.mediaType: ".*" is no manifest'):
        _load(content, layer)
    for media_type in (OCI_INDEX, OCI_MANIFEST):
        with pytest.raises(InvalidArgument):
            _load(content, replace(layer, media_type=media_type))
