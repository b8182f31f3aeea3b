"""Media types: each layer type says its own compression."""

from __future__ import annotations

import pytest

from orlop.oci.media_types import CONFIGS, INDEXES, LAYER_COMPRESSION, MANIFESTS


@pytest.mark.parametrize("media_type", sorted(LAYER_COMPRESSION))
def test_a_layer_type_ends_in_its_compression(media_type: str) -> None:
    compression = LAYER_COMPRESSION[media_type]
    assert media_type.endswith("tar" if compression == "none" else compression)


def test_no_type_has_two_roles() -> None:
    groups = (CONFIGS, INDEXES, MANIFESTS, frozenset(LAYER_COMPRESSION))
    assert len(frozenset().union(*groups)) == sum(map(len, groups))
