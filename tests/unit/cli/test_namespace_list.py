"""`orlop namespace ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Orlop


def test_namespaces_come_with_their_first_image(orlop: Orlop) -> None:
    assert orlop.out("namespace", "ls") == ""
    orlop.put("docker.io/library/a:1", namespace="two")
    orlop.put("docker.io/library/a:1", namespace="one")
    assert orlop.out("namespace", "ls") == "one\ntwo\n"
    assert orlop("namespace", "ls", "--format", "json").json == ["one", "two"]
