"""Descriptors: read, checked and written as the image specification says."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest

_EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}, manifest.md


def _plain(**fields: Any) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.empty.v1+json", "digest": _EMPTY, "size": 2} | fields


def test_a_full_descriptor_reads_back() -> None:
    value = _plain(
        data=base64.b64encode(b"{}").decode(),
        urls=["https://example.com/blob"],
        annotations={"org.example": "yes"},
        platform={"architecture": "arm64", "os": "linux", "variant": "v8"},
        artifactType="application/vnd.example",
    )
    descriptor = Descriptor.from_json(value, place="config")
    assert descriptor.to_json() == value
    assert (descriptor.digest, descriptor.size, descriptor.data) == (Digest.parse(_EMPTY), 2, b"{}")


def test_what_is_not_set_is_not_written() -> None:
    assert Descriptor.from_json(_plain(), place="config").to_json() == _plain()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"mediaType": ""}, "layers[3].mediaType: must be a text"),
        ({"mediaType": 1}, "layers[3].mediaType: must be a text"),
        ({"digest": "sha256:0"}, "layers[3].digest: "),
        ({"size": -1}, "layers[3].size: must be a size in bytes, not -1"),
        ({"size": 2**63}, "layers[3].size: "),
        ({"size": True}, "layers[3].size: "),
        ({"size": 2.0}, "layers[3].size: "),
        ({"annotations": {"a": 1}}, "layers[3].annotations: must be an object of texts"),
        ({"annotations": ["a"]}, "layers[3].annotations: "),
        ({"platform": "linux"}, "layers[3].platform: must be an object"),
        ({"urls": "https://example.com"}, "layers[3].urls: must be a list of texts"),
        ({"artifactType": 7}, "layers[3].artifactType: "),
        ({"data": "?"}, "layers[3].data: must be base64"),
        ({"data": 3}, "layers[3].data: must be base64"),
        ({"data": "e30gIA=="}, "layers[3].data: is not the content"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Descriptor.from_json(_plain(**fields), place="layers[3]")
    assert reason in str(caught.value)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="config: must be an object"):
        Descriptor.from_json([], place="config")
