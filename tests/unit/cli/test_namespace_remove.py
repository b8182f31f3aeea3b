"""`orlop namespace rm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Orlop


def test_only_what_is_empty_goes(orlop: Orlop) -> None:
    orlop.put("docker.io/library/a:1", namespace="one")
    orlop.put("docker.io/library/a:1", namespace="two")
    assert orlop.error("namespace", "rm", "one") == (
        'cannot delete namespace "one": it has 1 images, 4 blobs of content; '
        "remove its images and leases, then `orlop -n one prune`"
    )
    orlop.out("-n", "one", "rmi", "a:1")
    assert orlop.out("namespace", "rm", "one", "one") == "one\n"
    assert orlop.out("namespace", "ls") == "two\n"
    assert orlop.error("namespace", "rm", "one") == 'namespace "one": not found'
    orlop.out("-n", "two", "rmi", "a:1")
    assert orlop("namespace", "rm", "two", "--format", "json").json == ["two"]
