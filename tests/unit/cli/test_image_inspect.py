"""`orlop image inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.image.images import AMD64, ARM64, image_of, index_of

if TYPE_CHECKING:
    from .conftest import Orlop


def test_all_names_of_the_image_are_told(orlop: Orlop) -> None:
    target = orlop.put("docker.io/library/a:1", "docker.io/library/b:1")
    [found] = orlop("image", "inspect", "b:1").json
    assert found["names"] == ["docker.io/library/a:1", "docker.io/library/b:1"]
    assert found["target"]["digest"] == str(target.digest)
    assert found["platform"] == str(AMD64)
    assert len(found["layers"]) == 2


def test_several_images_are_a_list_in_their_order(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1", text="a")
    orlop.put("docker.io/library/b:1", text="b")
    assert [one["names"] for one in orlop("image", "inspect", "b:1", "a:1").json] == [
        ["docker.io/library/b:1"],
        ["docker.io/library/a:1"],
    ]


def test_of_an_index_the_platform_chooses(orlop: Orlop) -> None:
    with orlop.session().store() as store, store.lease() as lease:
        content = store.content(lease_id=lease.id)
        one, other = image_of(content, "one", AMD64), image_of(content, "other", ARM64)
        store.images.put("docker.io/library/a:1", index_of(content, one, other))
        for platform, image in (("linux/amd64", one), ("linux/arm64", other)):
            [found] = orlop("image", "inspect", "a:1", "--platform", platform).json
            assert (found["platform"], found["manifest"]["digest"]) == (platform, str(image.digest))
        [found] = orlop("image", "inspect", "a:1", "--platform", "linux/s390x").json
        assert len(found["manifests"]) == 2, "there is none for it: the index is shown"
