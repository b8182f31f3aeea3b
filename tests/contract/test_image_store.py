"""The contract of `ImageStore` (image/contract.py), for each implementation of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument, NotFound
from orlop.linux.disk_reserve import DiskReserve
from orlop.metadata.database import Database
from orlop.metadata.images import NamespacedImages
from orlop.metadata.layout import RESERVE_BYTES
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.image.contract import ImageStore

NAME = "docker.io/library/busybox:latest"


def descriptor(content: bytes) -> Descriptor:
    return Descriptor(
        media_type="application/vnd.oci.image.manifest.v1+json",
        digest=Digest.of(content),
        size=len(content),
        annotations={"a": "ä"},
        platform={"os": "linux", "architecture": "arm64", "variant": "v8"},
        artifact_type="application/x",
        urls=("https://example.com/x",),
    )


@pytest.fixture(params=["namespaced"])
def images(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ImageStore]:
    assert request.param == "namespaced"
    with Database.open(tmp_path / "metadata.db", DiskReserve(tmp_path / "reserve", RESERVE_BYTES)) as database:
        yield NamespacedImages(database, "default")


def test_what_is_put_is_there(images: ImageStore) -> None:
    image = images.put(NAME, descriptor(b"one"), labels={"k": "v"})
    assert images.get(NAME) == image
    assert (image.name, image.target, dict(image.labels)) == (NAME, descriptor(b"one"), {"k": "v"})
    assert image.created_at == image.updated_at


def test_unknown_names_are_not_found(images: ImageStore) -> None:
    for call in (images.get, images.delete):
        with pytest.raises(NotFound, match=r'^image "docker\.io/library/busybox:latest": not found in namespace'):
            call(NAME)


def test_put_again_moves_the_name_and_keeps_its_birth_and_labels(images: ImageStore) -> None:
    first = images.put(NAME, descriptor(b"one"), labels={"k": "v"})
    second = images.put(NAME, descriptor(b"two"))
    assert second.target == descriptor(b"two")
    assert dict(second.labels) == {"k": "v"}
    assert second.created_at == first.created_at
    assert second.updated_at >= first.updated_at
    assert list(images.list()) == [second]


def test_put_with_labels_replaces_them(images: ImageStore) -> None:
    images.put(NAME, descriptor(b"one"), labels={"k": "v"})
    assert dict(images.put(NAME, descriptor(b"one"), labels={"x": "y"}).labels) == {"x": "y"}
    assert dict(images.put(NAME, descriptor(b"one"), labels={}).labels) == {}


def test_the_list_is_by_name(images: ImageStore) -> None:
    for name in ("b:1", "a:2", "a:1"):
        images.put(name, descriptor(b"one"))
    assert [image.name for image in images.list()] == ["a:1", "a:2", "b:1"]


def test_the_list_goes_on_while_images_are_deleted(images: ImageStore) -> None:
    for number in range(3):
        images.put(f"a:{number}", descriptor(b"one"))
    for image in images.list():
        images.delete(image.name)
    assert list(images.list()) == []


def test_what_is_deleted_is_gone(images: ImageStore) -> None:
    images.put(NAME, descriptor(b"one"))
    images.put("other", descriptor(b"one"))
    images.delete(NAME)
    assert [image.name for image in images.list()] == ["other"]


def test_a_name_is_not_empty(images: ImageStore) -> None:
    with pytest.raises(InvalidArgument, match=r"^image name: must not be empty$"):
        images.put("", descriptor(b"one"))


def test_labels_have_a_limit(images: ImageStore) -> None:
    with pytest.raises(InvalidArgument, match=r'^labels\["k"\]: key and value are longer than 4096 bytes'):
        images.put(NAME, descriptor(b"one"), labels={"k": "v" * 4096})
    assert list(images.list()) == []
