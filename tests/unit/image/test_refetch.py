"""Blobs that were lost come back from where they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import FailedPrecondition, NotFound, Unavailable
from orlop.image.new_image import put_blob
from orlop.image.refetch import refetch
from orlop.image.sources import add_labels, source_label

from .fake_registry import FakeRegistry
from .images import image_of, read_blob
from .pulling import run

if TYPE_CHECKING:
    from orlop.content.contract import BlobInfo
    from orlop.content.local import LocalContentStore


class _Registries:
    """Registries by domain and repository; another one is not reachable."""

    def __init__(self, **known: FakeRegistry) -> None:
        self._known = known
        self.opened: list[str] = []

    def open(self, domain: str, repository: str) -> FakeRegistry:
        self.opened.append(f"{domain}/{repository}")
        found = self._known.get(domain)
        if found is None:
            raise Unavailable(f"{domain}: no connection")
        return found


def _lost(content: LocalContentStore, data: bytes, *domains: str) -> BlobInfo:
    """What was known of a blob that is not there any more."""
    digest = put_blob(content, data)
    for domain in domains:
        add_labels(content, digest, source_label(domain, "a/b"))
    info = content.info(digest)
    content.delete(digest)
    return info


def test_a_blob_comes_back_with_its_labels(content: LocalContentStore) -> None:
    info = _lost(content, b"data", "one")
    registry = FakeRegistry(blobs={info.digest: b"data"})
    run(refetch(content, info, (registries := _Registries(one=registry)).open))
    assert read_blob(content, info.digest) == b"data"
    assert content.info(info.digest).labels == info.labels
    assert registries.opened == ["one/a/b"]
    assert registry.is_closed


def test_a_manifest_comes_back(content: LocalContentStore) -> None:
    image = image_of(content)
    registry = FakeRegistry()
    registry.put(content, image)
    info = _lost(content, read_blob(content, image.digest), "one")
    run(refetch(content, info, _Registries(one=registry).open))
    assert content.info(image.digest).labels == info.labels
    assert len(info.labels) == 4
    assert not list(content.ingests())


def test_the_next_registry_is_asked_where_one_has_it_not_or_is_gone(content: LocalContentStore) -> None:
    info = _lost(content, b"data", "empty", "gone", "lies", "one")
    one = FakeRegistry(blobs={info.digest: b"data"})
    lies = FakeRegistry(blobs={info.digest: b"data"}, lies={info.digest: b"atad"})
    registries = _Registries(empty=FakeRegistry(), lies=lies, one=one)
    run(refetch(content, info, registries.open))
    assert read_blob(content, info.digest) == b"data"
    assert registries.opened == ["empty/a/b", "gone/a/b", "lies/a/b", "one/a/b"]


def test_where_none_gives_it_the_first_that_failed_is_named(content: LocalContentStore) -> None:
    info = _lost(content, b"data", "empty", "gone", "lies")
    lies = FakeRegistry(blobs={info.digest: b"data"}, lies={info.digest: b"atad"})
    with pytest.raises(Unavailable, match="gone: no connection"):
        run(refetch(content, info, _Registries(empty=FakeRegistry(), lies=lies).open))
    with pytest.raises(FailedPrecondition):
        run(refetch(content, _lost(content, b"data", "lies"), _Registries(lies=lies).open))


@pytest.mark.parametrize("domains", [(), ("empty",)])
def test_where_none_has_it_that_is_told(content: LocalContentStore, domains: tuple[str, ...]) -> None:
    info = _lost(content, b"data", *domains)
    with pytest.raises(NotFound, match="no registry is known that has it; pull or load its image again"):
        run(refetch(content, info, _Registries(empty=FakeRegistry()).open))
