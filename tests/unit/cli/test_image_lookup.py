"""Which image is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.cli.image_lookup import find_image, find_images, has_other_tag
from orlop.errors import InvalidArgument, NotFound
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from unit.image.images import index_of

from .conftest import put_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.metadata.store import Store

    from .conftest import Orlop

NAME = "docker.io/library/sample:1"


@pytest.fixture
def store(orlop: Orlop) -> Iterator[Store]:
    with orlop.session().store() as store:
        yield store


@pytest.mark.parametrize("text", ["sample:1", "library/sample:1", NAME, "index.docker.io/sample:1"])
def test_a_short_name_is_the_full_one(store: Store, text: str) -> None:
    put_image(store, NAME, text="a")
    assert find_image(store, text).name == NAME


def test_a_name_with_its_digest_is_an_image_that_was_pulled_by_tag(store: Store) -> None:
    target = put_image(store, NAME, "docker.io/library/other:1", text="a")
    assert find_image(store, f"sample@{target.digest}").name == NAME
    assert find_image(store, f"sample:9@{target.digest}").name == NAME
    with pytest.raises(NotFound, match=r'^image ".*third.*": not found in namespace'):
        find_image(store, f"third@{target.digest}")


def test_what_a_pull_prints_is_the_name_with_its_tag(store: Store) -> None:
    target = put_image(store, "docker.io/library/sample:0", NAME, text="a")
    put_image(store, "docker.io/library/sample:2", text="b")
    assert [one.name for one in find_images(store, f"{NAME}@{target.digest}")] == [NAME]
    pinned = f"docker.io/library/sample@{target.digest}"
    assert len(find_images(store, pinned)) == 2
    store.images.put(pinned, target)
    assert [one.name for one in find_images(store, f"sample@{target.digest}")] == [pinned]
    assert [one.name for one in find_images(store, f"{NAME}@{target.digest}")] == [NAME]
    assert [one.name for one in find_images(store, f"sample:2@{target.digest}")] == [pinned]


def test_a_digest_under_another_tag_than_the_written_one_is_known_as_that(store: Store) -> None:
    target = put_image(store, NAME, text="a")
    image = find_image(store, NAME)
    assert has_other_tag(image, f"sample:9@{target.digest}")
    for text in ("sample:1", f"sample:1@{target.digest}", f"sample@{target.digest}", target.digest.encoded):
        assert not has_other_tag(image, text)


def test_the_beginning_of_a_digest_is_enough(store: Store) -> None:
    target = put_image(store, NAME, text="a")
    put_image(store, "docker.io/library/other:1", text="b")
    for text in (target.digest.encoded[:4], target.digest.encoded, str(target.digest), str(target.digest)[:15]):
        assert find_image(store, text).target.digest == target.digest


def test_the_digest_may_be_that_of_a_manifest_or_configuration_below(store: Store) -> None:
    with store.lease() as lease:
        content = store.content(lease_id=lease.id)
        image = put_image(store, text="a")
        index = index_of(content, image)
        content.update_labels(index.digest, {"containerd.io/gc.ref.content.m.0": str(image.digest)})
        store.images.put(NAME, index)
    content = store.content()
    config = content.info(image.digest).labels["containerd.io/gc.ref.content.config"]
    for digest in (str(index.digest), str(image.digest), config):
        assert find_image(store, digest[:20]).name == NAME
    layer = content.info(image.digest).labels["containerd.io/gc.ref.content.l.0"]
    with pytest.raises(NotFound, match="no name and no digest"):
        find_image(store, layer)


def test_all_names_of_a_digest_are_found(store: Store) -> None:
    target = put_image(store, NAME, "docker.io/library/again:1", text="a")
    assert [image.name for image in find_images(store, target.digest.encoded[:8])] == [
        "docker.io/library/again:1",
        NAME,
    ]


def test_a_name_goes_before_a_digest(store: Store) -> None:
    target = put_image(store, NAME, text="a")
    prefix = target.digest.encoded[:6]
    put_image(store, f"docker.io/library/{prefix}:latest", text="b")
    assert find_image(store, prefix).name == f"docker.io/library/{prefix}:latest"


def test_a_beginning_of_two_is_none(store: Store) -> None:
    for last in "01":
        target = Descriptor(
            media_type="application/vnd.oci.image.manifest.v1+json",
            digest=Digest.parse(f"sha256:abcde{last}{'0' * 58}", place="digest"),
            size=1,
        )
        store.images.put(f"docker.io/library/{last}:1", target)
    with pytest.raises(InvalidArgument, match=r"2 images begin so \(abcde0000000, abcde1000000\); write more"):
        find_image(store, "abcde")


@pytest.mark.parametrize("text", ["none", "abcdef0123"])
def test_what_is_not_there_is_told_with_a_way_on(store: Store, text: str) -> None:
    with pytest.raises(NotFound, match=rf'^image ".*{text}.*": .*in namespace "default"; .*`orlop images` lists'):
        find_image(store, text)


def test_what_is_no_name_is_told_as_that(store: Store) -> None:
    with pytest.raises(InvalidArgument, match="has capital letters"):
        find_image(store, "Capital")
