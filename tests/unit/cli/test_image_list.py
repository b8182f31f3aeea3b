"""`orlop images`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unit.image.images import index_of

if TYPE_CHECKING:
    from .conftest import Orlop


def test_an_empty_store_has_a_head_only(orlop: Orlop) -> None:
    assert orlop.out("images").split() == ["NAME", "DIGEST", "TYPE", "SIZE", "UPDATED"]
    assert orlop.out("images", "-q") == ""
    assert orlop("images", "--format", "json").json == []


def test_an_image_is_a_row_of_full_name_short_digest_type_size_and_age(orlop: Orlop) -> None:
    target = orlop.put("docker.io/library/alpine:3")
    [_, row] = orlop.out("images").splitlines()
    cells = row.split()
    assert cells[:3] == ["docker.io/library/alpine:3", target.digest.encoded[:12], "manifest"]
    assert row.endswith(("just now", "ago"))
    assert str(target.digest) in orlop.out("images", "--digests")


def test_the_size_is_that_of_all_its_blobs(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1")
    [row] = orlop("images", "--format", "json").json
    [inspected] = orlop("image", "inspect", "a:1").json
    assert row["size"] == inspected["size"] > 0
    assert row["target"]["digest"] == inspected["target"]["digest"]
    assert sorted(row) == ["createdAt", "labels", "name", "size", "target", "updatedAt"]


def test_an_index_is_told_from_a_manifest(orlop: Orlop) -> None:
    image = orlop.put("docker.io/library/a:1")
    with orlop.session().store() as store, store.lease() as lease:
        store.images.put("docker.io/library/many:1", index_of(store.content(lease_id=lease.id), image))
    assert [line.split()[2] for line in orlop.out("images").splitlines()[1:]] == ["manifest", "index"]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["a"], ["docker.io/library/a:1", "docker.io/library/a:2"]),
        (["a:2"], ["docker.io/library/a:2"]),
        (["docker.io/library/a:2", "localhost:5000/a"], ["docker.io/library/a:2", "localhost:5000/a:1"]),
        (["none"], []),
        (["*"], ["docker.io/library/a:1", "docker.io/library/a:2"]),
        (["*:1"], ["docker.io/library/a:1"]),
        (["*/a"], ["localhost:5000/a:1"]),
        (["docker.io/*/a:?", "none"], ["docker.io/library/a:1", "docker.io/library/a:2"]),
        (["a:[2-9]", "localhost:5000/a"], ["docker.io/library/a:2", "localhost:5000/a:1"]),
        (["a:[^2]"], ["docker.io/library/a:1"]),
    ],
)
def test_names_choose(orlop: Orlop, texts: list[str], found: list[str]) -> None:
    orlop.put("docker.io/library/a:1", "docker.io/library/a:2", "localhost:5000/a:1")
    assert orlop.out("images", "-q", *texts).split() == found


@pytest.mark.parametrize("text", ["a[", "a[]", "a[z-b]"])
def test_what_is_no_pattern_is_told(orlop: Orlop, text: str) -> None:
    assert orlop.error("images", text).startswith(f'name: "{text}": ')


def test_namespaces_do_not_see_each_other(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1", namespace="one")
    assert orlop.out("images", "-q") == ""
    assert orlop.out("-n", "one", "images", "-q") == "docker.io/library/a:1\n"
