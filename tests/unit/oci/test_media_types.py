"""Media types: each layer type says its own compression."""

from __future__ import annotations

import pytest

from orlop.oci.media_types import CONFIGS, INDEXES, LAYER_COMPRESSION, MANIFESTS, is_media_type


@pytest.mark.parametrize("media_type", sorted(LAYER_COMPRESSION))
def test_a_layer_type_ends_in_its_compression(media_type: str) -> None:
    compression = LAYER_COMPRESSION[media_type]
    assert media_type.endswith("tar" if compression == "none" else compression)


def test_no_type_has_two_roles() -> None:
    groups = (CONFIGS, INDEXES, MANIFESTS, frozenset(LAYER_COMPRESSION))
    assert len(frozenset().union(*groups)) == sum(map(len, groups))


def test_every_type_is_a_media_type() -> None:
    assert all(is_media_type(one) for one in CONFIGS | INDEXES | MANIFESTS | frozenset(LAYER_COMPRESSION))


@pytest.mark.parametrize(
    "text", ["", "invalid", "a/", "/b", "a/b/c", "a/b; charset=utf-8", "a/.b", "a/b\n", f"a/{'b' * 128}", "\u00e9/b"]
)
def test_what_is_no_media_type(text: str) -> None:
    assert not is_media_type(text)
