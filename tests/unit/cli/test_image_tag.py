"""`orlop tag`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Orlop


def test_an_image_gets_more_names(orlop: Orlop) -> None:
    target = orlop.put("docker.io/library/a:1")
    assert orlop.out("tag", "a:1", "b", "localhost:5000/c:2") == ""
    rows = orlop("images", "--format", "json").json
    assert {row["name"]: row["target"]["digest"] for row in rows} == dict.fromkeys(
        ["docker.io/library/a:1", "docker.io/library/b:latest", "localhost:5000/c:2"], str(target.digest)
    )


def test_json_has_the_full_names(orlop: Orlop) -> None:
    target = orlop.put("docker.io/library/a:1")
    done = orlop("tag", "--format", "json", target.digest.encoded[:8], "b").json
    assert done == {"names": ["docker.io/library/b:latest"], "target": target.to_json()} | {"target": done["target"]}
    assert done["target"]["digest"] == str(target.digest)


def test_a_wrong_name_makes_none(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1")
    assert orlop.error("tag", "a:1", "good", "Bad").startswith('name: "Bad"')
    assert orlop.out("images", "-q") == "docker.io/library/a:1\n"


def test_a_digest_in_a_name_must_be_the_images(orlop: Orlop) -> None:
    digest = orlop.put("docker.io/library/a:1").digest
    wrong = f"docker.io/library/b@sha256:{'0' * 64}"
    assert orlop.error("tag", "a:1", "good", wrong) == f"name: {wrong}: the image is {digest}; leave the digest away"
    assert orlop.out("images", "-q") == "docker.io/library/a:1\n"
    orlop.out("tag", "a:1", f"b@{digest}", f"c:2@{digest}")
    names = ["docker.io/library/a:1", f"docker.io/library/b@{digest}", "docker.io/library/c:2"]
    assert orlop.out("images", "-q").split() == names
