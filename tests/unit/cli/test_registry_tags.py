"""`orlop tags`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Orlop, Running


def test_tags_are_lines(orlop: Orlop, registry: Running) -> None:
    orlop.put("docker.io/library/a:1")
    for tag in ("1", "two"):
        orlop.out("push", "-q", "a:1", f"{registry.domain}/b/c:{tag}")
    assert sorted(orlop.out("tags", f"{registry.domain}/b/c").splitlines()) == ["1", "two"]
    assert sorted(orlop("tags", f"{registry.domain}/b/c", "--format", "json").json) == ["1", "two"]


def test_one_image_is_no_repository(orlop: Orlop) -> None:
    digest = f"sha256:{'0' * 64}"
    for text in ("127.0.0.1:1/a:latest", f"127.0.0.1:1/a@{digest}"):
        assert orlop.error("tags", text) == f"repository: {text} is one image; write 127.0.0.1:1/a"
