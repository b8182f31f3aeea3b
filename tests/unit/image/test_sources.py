"""Labels that say where a blob came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import NotFound
from orlop.image.new_image import put_blob
from orlop.image.sources import add_labels, repositories, source_label, sources
from orlop.oci.digest import Digest

if TYPE_CHECKING:
    from orlop.content.local import LocalContentStore

_KEY = "containerd.io/distribution.source.example.com"


def test_a_label_names_domain_and_repository_as_containerd_does() -> None:
    assert source_label("example.com", "a/b") == {_KEY: "a/b"}


def test_sources_are_read_from_labels() -> None:
    labels = {_KEY: "a/b,c", f"{_KEY}:5000": "d", "containerd.io/other": "x", f"{_KEY}.empty": ""}
    assert sources(labels) == [("example.com", "a/b"), ("example.com", "c"), ("example.com:5000", "d")]
    assert repositories(labels, "example.com") == ["a/b", "c"]
    assert repositories(labels, "example.org") == []


def test_a_source_comes_to_those_that_are_known(content: LocalContentStore) -> None:
    digest = put_blob(content, b"x", labels={_KEY: "c", "other": "old"})
    add_labels(content, digest, {_KEY: "a", "other": "new"})
    add_labels(content, digest, {_KEY: "c"})
    assert content.info(digest).labels == {_KEY: "a,c", "other": "new"}


def test_labels_that_are_there_are_not_written(content: LocalContentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = put_blob(content, b"x", labels={_KEY: "a"})
    monkeypatch.setattr(content, "update_labels", lambda *_: pytest.fail("written"))
    add_labels(content, digest, {_KEY: "a"})
    add_labels(content, digest, {})


def test_a_label_never_grows_beyond_what_stores_take(content: LocalContentStore) -> None:
    digest = put_blob(content, b"x")
    for number in range(60):
        add_labels(content, digest, {_KEY: f"{number:0100d}"})
    labels = content.info(digest).labels
    assert repositories(labels, "example.com")[-1] == f"{59:0100d}"
    assert len(_KEY) + len(labels[_KEY]) <= 4096


def test_what_is_not_there_gets_no_labels(content: LocalContentStore) -> None:
    with pytest.raises(NotFound):
        add_labels(content, Digest.of(b"x"), {"a": "b"})
