"""containerd's labels for collection, with the suffixes that its gc.go takes."""

from __future__ import annotations

import pytest

from orlop.metadata.gc_labels import is_expired, is_root, label_edges
from orlop.metadata.reachability import Node

PREFIX = "containerd.io/gc."


@pytest.mark.parametrize(
    ("label", "kind", "key"),
    [
        ("ref.content", "content", "v"),
        ("ref.content.", "content", "v"),
        ("ref.content.l.0", "content", "v"),
        ("ref.content/config", "content", "v"),
        ("ref.image", "images", "v"),
        ("ref.image.base", "images", "v"),
        ("ref.image/base", "images", "v"),
        ("ref.snapshot.overlayfs", "snapshots", "overlayfs/v"),
        ("ref.snapshot.overlayfs/1", "snapshots", "overlayfs/v"),
        ("ref.snapshot.a.b/1.2/3", "snapshots", "a.b/v"),
    ],
)
def test_references_and_back_references(label: str, kind: str, key: str) -> None:
    other = Node(kind, "ns", key)
    assert list(label_edges("ns", {PREFIX + label: "v"})) == [(other, False)]
    assert list(label_edges("ns", {PREFIX + "b" + label: "v"})) == [(other, True)]


@pytest.mark.parametrize(
    "label",
    [
        "containerd.io/gc.ref.contents",
        "containerd.io/gc.ref.content-x",
        "containerd.io/gc.ref.snapshot",
        "containerd.io/gc.ref.snapshot.",
        "containerd.io/gc.ref.snapshot./x",
        "containerd.io/gc.ref.container",
        "containerd.io/gc.root",
        "x.containerd.io/gc.ref.content",
        "containerd.io/gc_ref.content",
    ],
)
def test_other_labels_say_nothing(label: str) -> None:
    assert list(label_edges("ns", {label: "v"})) == []


def test_all_labels_are_read() -> None:
    labels = {f"{PREFIX}ref.content.l.{number}": str(number) for number in range(5)}
    assert [edge.other.key for edge in label_edges("ns", labels)] == list("01234")


def test_roots() -> None:
    assert is_root({"containerd.io/gc.root": "2026-01-01T00:00:00Z"})
    assert is_root({"containerd.io/gc.root": "x", "a": "b"})
    assert not is_root({"containerd.io/gc.ref.content": "x"})
    assert not is_root({})


@pytest.mark.parametrize(
    ("labels", "expired"),
    [
        ({}, False),
        ({PREFIX + "expire": "1970-01-01T00:01:39Z"}, True),
        ({PREFIX + "expire": "1970-01-01T00:01:40Z"}, True),
        ({PREFIX + "expire": "1970-01-01T00:01:41Z"}, False),
        ({PREFIX + "expire": "soon"}, False),
    ],
)
def test_expiry(labels: dict[str, str], expired: bool) -> None:
    assert is_expired(labels, 100.0) is expired
