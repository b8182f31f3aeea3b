"""`orlop push`, to a registry of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.image.images import AMD64, ARM64, image_of, index_of

if TYPE_CHECKING:
    from .conftest import Orlop, Running


def test_an_image_is_there_under_the_name_that_was_given(orlop: Orlop, registry: Running) -> None:
    target = orlop.put("docker.io/library/a:1")
    name = f"{registry.domain}/b/c:2"
    done = orlop("push", "a:1", "--plain-http", name)
    assert (done.code, done.out) == (0, f"{name}@{target.digest}\n")
    assert str(target.digest) in registry.memory.manifests
    assert len(registry.memory.blobs["b/c"]) == 3
    assert orlop("push", "a:1", name).err.count("there already") == 3


def test_without_another_name_it_goes_where_its_own_says(orlop: Orlop, registry: Running) -> None:
    name = f"{registry.domain}/b/c:3"
    target = orlop.put(name)
    assert orlop("push", name, "--format", "json").json["target"]["digest"] == str(target.digest)
    assert orlop("tags", f"{registry.domain}/b/c", "--format", "json").json == ["3"]


def test_the_image_of_one_platform(orlop: Orlop, registry: Running) -> None:
    with orlop.session().store() as store, store.lease() as lease:
        content = store.content(lease_id=lease.id)
        one, other = image_of(content, "one", AMD64), image_of(content, "other", ARM64)
        store.images.put("docker.io/library/a:1", index_of(content, one, other))
        out = orlop.out("push", "-q", "--platform", "linux/arm64", "a:1", f"{registry.domain}/b/c:1")
    assert out.endswith(f"@{other.digest}\n")
    assert str(one.digest) not in registry.memory.manifests


def test_a_platform_must_be_the_images(orlop: Orlop, registry: Running) -> None:
    orlop.put("docker.io/library/a:1")
    name = f"{registry.domain}/b/c:1"
    assert orlop.error("push", "-q", "--platform", "linux/arm64", "a:1", name) == (
        f"{name}: is for linux/amd64, not for linux/arm64; leave --platform away"
    )
    assert not registry.memory.blobs


def test_a_digest_in_a_name_must_be_the_images(orlop: Orlop, registry: Running) -> None:
    digest = orlop.put("docker.io/library/a:1").digest
    to = f"{registry.domain}/b/c:2"
    wrong = f"{to}@sha256:{'0' * 64}"
    assert (
        orlop.error("push", "-q", "a:1", wrong) == f"{wrong}: what would be pushed is {digest}; leave the digest away"
    )
    assert not registry.memory.blobs
    assert orlop.out("push", "-q", "a:1", f"{to}@{digest}") == f"{to}@{digest}\n"
    assert orlop.out("push", "-q", "a:1", f"{registry.domain}/d@{digest}") == f"{registry.domain}/d@{digest}\n"
    assert orlop.out("tags", f"{registry.domain}/b/c") == "2\n"


def test_an_image_that_is_not_there_is_told(orlop: Orlop) -> None:
    assert orlop.error("push", "-q", "none").startswith('image "docker.io/library/none:latest": not found')
