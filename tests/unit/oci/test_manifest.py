"""Manifests and indexes: the specification's examples, the rules of its schemas, and what is ambiguous."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.manifest import EMPTY_JSON, Index, Manifest, encode_manifest, parse_manifest
from orlop.oci.media_types import (
    DOCKER_CONFIG,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    DOCKER_MANIFEST_LIST,
    DOCKER_SCHEMA_1,
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
)

_EMPTY_DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
_CONFIG_DIGEST = "sha256:b5b2b2c507a0944348e0303114d8d93aaaa081732b86451d9bce1f432a537bc7"
_EXAMPLE_TYPE = "application/vnd.example+type"


def _descriptor(media_type: str, digest: str, size: int, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


# manifest.md, "Example Image Manifest".
MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": _descriptor(OCI_CONFIG, _CONFIG_DIGEST, 7023),
    "layers": [
        _descriptor(OCI_LAYER_GZIP, "sha256:9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0", 32654),
        _descriptor(OCI_LAYER_GZIP, "sha256:3c3a4604a545cdc127456d94e421cd355bca5b528f4a9c1905b15da2eb4a4c6b", 16724),
        _descriptor(OCI_LAYER_GZIP, "sha256:ec4b8955958665577945c89419d1af06b5f7636b4ac3da7f12184802ad867736", 73109),
    ],
    "subject": _descriptor(
        OCI_MANIFEST, "sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270", 7682
    ),
    "annotations": {"com.example.key1": "value1", "com.example.key2": "value2"},
}

_EMPTY = _descriptor(OCI_EMPTY, _EMPTY_DIGEST, 2)
_DATA = _descriptor(_EXAMPLE_TYPE, "sha256:e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317", 1234)

# manifest.md, "Guidelines for Artifact Usage", the three examples.
ARTIFACTS: dict[str, dict[str, Any]] = {
    "minimal": {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": _EXAMPLE_TYPE,
        "config": _EMPTY,
        "layers": [_EMPTY],
        "annotations": {
            "oci.opencontainers.image.created": "2023-01-02T03:04:05Z",
            "com.example.data": "payload",
        },
    },
    "without config": {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": _EXAMPLE_TYPE,
        "config": _EMPTY,
        "layers": [_DATA],
    },
    "with config": {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": _EXAMPLE_TYPE,
        "config": _descriptor(
            "application/vnd.example.config.v1+json",
            "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
            123,
        ),
        "layers": [{**_DATA, "mediaType": "application/vnd.example.data.v1.tar+gzip"}],
    },
}

_PPC = _descriptor(
    OCI_MANIFEST,
    "sha256:e692418e4cbaf90ca69d05a66403747baa33ee08806650b51fab815ad7fc331f",
    7143,
    platform={"architecture": "ppc64le", "os": "linux"},
)
# image-index.md, its two examples.
INDEXES: dict[str, dict[str, Any]] = {
    "two platforms": {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            _PPC,
            _descriptor(
                OCI_MANIFEST,
                "sha256:5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270",
                7682,
                platform={"architecture": "amd64", "os": "linux"},
            ),
        ],
        "annotations": {"com.example.key1": "value1", "com.example.key2": "value2"},
    },
    "two media types": {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            _PPC,
            _descriptor(OCI_INDEX, "sha256:601570aaff1b68a61eb9c85b8beca1644e698003e0cdb5bce960f193d265a8b7", 7682),
        ],
        "annotations": {"com.example.key1": "value1", "com.example.key2": "value2"},
    },
}

_DOCKER_MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": DOCKER_MANIFEST,
    "config": _descriptor(DOCKER_CONFIG, _CONFIG_DIGEST, 7023),
    "layers": [_descriptor(DOCKER_LAYER_GZIP, _EMPTY_DIGEST, 32654)],
}
_DOCKER_LIST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": DOCKER_MANIFEST_LIST,
    "manifests": [{**_PPC, "mediaType": DOCKER_MANIFEST}],
}


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def _manifest(value: dict[str, Any], **arguments: str) -> Manifest:
    found = parse_manifest(_bytes(value), **arguments)
    assert isinstance(found, Manifest)
    return found


def _without(value: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: one for name, one in value.items() if name != key}


def test_the_example_manifest() -> None:
    manifest = _manifest(MANIFEST, media_type=OCI_MANIFEST)
    assert manifest.is_image
    assert str(manifest.config.digest) == _CONFIG_DIGEST
    assert [layer.size for layer in manifest.layers] == [32654, 16724, 73109]
    assert manifest.subject is not None
    assert manifest.subject.size == 7682
    assert manifest.children == (manifest.config, *manifest.layers)  # a subject is no child
    assert manifest.annotations["com.example.key2"] == "value2"


@pytest.mark.parametrize("name", ARTIFACTS)
def test_the_example_artifacts(name: str) -> None:
    manifest = _manifest(ARTIFACTS[name])
    assert not manifest.is_image
    assert manifest.kind == manifest.artifact_type == _EXAMPLE_TYPE


@pytest.mark.parametrize("name", INDEXES)
def test_the_example_indexes(name: str) -> None:
    index = parse_manifest(_bytes(INDEXES[name]), media_type=OCI_INDEX)
    assert isinstance(index, Index)
    assert index.children == index.manifests
    assert index.manifests[0].platform == {"architecture": "ppc64le", "os": "linux"}
    assert len(index.manifests) == 2


@pytest.mark.parametrize(
    "value",
    [MANIFEST, *ARTIFACTS.values(), *INDEXES.values(), _DOCKER_MANIFEST, _DOCKER_LIST],
    ids=lambda value: value["mediaType"].rpartition(".")[2],
)
def test_what_is_parsed_is_written_again(value: dict[str, Any]) -> None:
    document = parse_manifest(_bytes(value), media_type=value["mediaType"])
    written = encode_manifest(document)
    assert json.loads(written) == value
    assert list(json.loads(written)) == list(value)
    assert b" " not in written
    assert parse_manifest(written) == document


def test_the_empty_descriptor() -> None:
    assert str(Digest.of(EMPTY_JSON)) == _EMPTY_DIGEST
    descriptor = Descriptor.from_json({**_EMPTY, "data": "e30="}, place="config")
    assert descriptor.data == EMPTY_JSON


def test_an_old_artifact_is_of_its_configurations_type() -> None:
    value = {**MANIFEST, "config": _descriptor("application/vnd.example.config+json", _CONFIG_DIGEST, 1470)}
    manifest = _manifest(value)
    assert (manifest.kind, manifest.artifact_type) == ("application/vnd.example.config+json", "")


def test_an_index_may_be_empty() -> None:
    empty: list[Any] | None
    for empty in ([], None):
        assert parse_manifest(_bytes({"schemaVersion": 2, "manifests": empty}), media_type=OCI_INDEX).children == ()


def test_an_image_may_have_no_layer() -> None:
    # The schema wants one; manifest.md says SHOULD, for portability, and builders write it: FROM scratch.
    assert _manifest({**MANIFEST, "layers": []}).layers == ()
    assert _manifest({**MANIFEST, "layers": None}).layers == ()


@pytest.mark.parametrize(
    ("value", "media_type", "expected"),
    [
        (_without(MANIFEST, "mediaType"), "", OCI_MANIFEST),
        (_without(MANIFEST, "mediaType"), "application/json", OCI_MANIFEST),
        (_without(MANIFEST, "mediaType"), DOCKER_MANIFEST, DOCKER_MANIFEST),
        (_without(INDEXES["two platforms"], "mediaType"), "", OCI_INDEX),
        (_without(INDEXES["two platforms"], "mediaType"), OCI_INDEX, OCI_INDEX),
        (MANIFEST, "Application/Vnd.OCI.image.manifest.v1+json; charset=utf-8", OCI_MANIFEST),
        (_DOCKER_MANIFEST, "text/plain; charset=utf-8", DOCKER_MANIFEST),
        (_DOCKER_LIST, "application/octet-stream", DOCKER_MANIFEST_LIST),
    ],
)
def test_what_a_document_is(value: dict[str, Any], media_type: str, expected: str) -> None:
    assert parse_manifest(_bytes(value), media_type=media_type).media_type == expected


def test_unknown_layer_types_are_kept() -> None:
    layer = _descriptor("application/vnd.example.future.v9.tar+brotli", _EMPTY_DIGEST, 1, **{"com.example": 1})
    assert _manifest({**MANIFEST, "layers": [layer], "com.example.more": {"x": 1}}).layers[0].size == 1


_AMBIGUOUS: list[tuple[dict[str, Any], str, str]] = [
    ({**MANIFEST, "manifests": [_PPC]}, "", ": it has manifests and layers"),
    ({**MANIFEST, "manifests": [_PPC]}, OCI_MANIFEST, ": it has manifests and layers"),
    ({**MANIFEST, "manifests": []}, OCI_MANIFEST, ": it has manifests and layers"),
    ({**INDEXES["two platforms"], "layers": MANIFEST["layers"]}, OCI_INDEX, ": it has manifests and layers"),
    ({**INDEXES["two platforms"], "config": MANIFEST["config"]}, OCI_INDEX, ": it has manifests and layers"),
    ({**MANIFEST, "mediaType": OCI_INDEX}, "", ".mediaType: .* is not what its properties make it"),
    (_without(MANIFEST, "mediaType"), OCI_INDEX, ".mediaType: .* is not what its properties make it"),
    ({**INDEXES["two platforms"], "mediaType": DOCKER_MANIFEST}, "", ".mediaType: .* is not what its properties"),
    (MANIFEST, OCI_INDEX, ".mediaType: .* is not what it was called, "),
    (MANIFEST, DOCKER_MANIFEST, ".mediaType: .* is not what it was called, "),
    (INDEXES["two platforms"], DOCKER_MANIFEST_LIST, ".mediaType: .* is not what it was called, "),
    ({**MANIFEST, "MANIFESTS": [_PPC]}, "", ': "MANIFESTS" is not "manifests"'),
    ({**MANIFEST, "Layers": []}, "", ': "Layers" is not "layers"'),
]


@pytest.mark.parametrize(("value", "media_type", "message"), _AMBIGUOUS)
def test_threat_p_an_ambiguous_manifest_is_refused(value: dict[str, Any], media_type: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^manifest{message}"):
        parse_manifest(_bytes(value), media_type=media_type)


def test_threat_p_two_lists_of_layers_are_refused() -> None:
    text = json.dumps(MANIFEST)[:-1] + ', "layers": []}'
    with pytest.raises(InvalidArgument, match='"layers" is there twice in one object'):
        parse_manifest(text.encode())


@pytest.mark.parametrize(
    ("value", "media_type"),
    [
        *(({"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": []}, kind) for kind in sorted(DOCKER_SCHEMA_1)),
        ({"schemaVersion": 1, "fsLayers": [], "signatures": []}, ""),
        ({**MANIFEST, "schemaVersion": 1}, OCI_MANIFEST),
        ({**MANIFEST, "fsLayers": []}, OCI_MANIFEST),
        ({**MANIFEST, "mediaType": "application/vnd.docker.distribution.manifest.v1+json"}, ""),
    ],
)
def test_threat_p_schema_1_is_refused(value: dict[str, Any], media_type: str) -> None:
    with pytest.raises(
        InvalidArgument, match=r"^manifest: docker's image manifest schema 1 is not supported: .* pull and"
    ):
        parse_manifest(_bytes(value), media_type=media_type)


def test_threat_i_a_manifest_is_at_most_4_mib() -> None:
    padded = _bytes(MANIFEST).ljust(4 << 20)
    assert parse_manifest(padded).media_type == OCI_MANIFEST
    with pytest.raises(InvalidArgument, match="4194305 bytes are more than the 4194304 that are read"):
        parse_manifest(padded + b" ")


def _with_config(**fields: Any) -> dict[str, Any]:
    return {**MANIFEST, "config": {**MANIFEST["config"], **fields}}


def _with_layer(**fields: Any) -> dict[str, Any]:
    return {**MANIFEST, "layers": [{**MANIFEST["layers"][0], **fields}]}


def _with_entry(entry: dict[str, Any]) -> dict[str, Any]:
    return {**INDEXES["two platforms"], "manifests": [entry]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (_with_config(mediaType="invalid"), r"\.config\.mediaType: .*not a media type"),
        (_with_config(size="1470"), r"\.config\.size: must be a size in bytes"),
        (_with_layer(size="675598"), r"\.layers\[0\]\.size"),
        (_with_layer(size=-1), r"\.layers\[0\]\.size"),
        (_with_layer(size=1 << 63), r"\.layers\[0\]\.size"),
        (_with_layer(digest="sha256+foo+-b:c86f"), r"\.layers\[0\]\.digest"),
        (_with_layer(annotations={"a": 1}), r"\.layers\[0\]\.annotations"),
        (_with_layer(urls="x"), r"\.layers\[0\]\.urls"),
        ({**MANIFEST, "layers": {}}, r"\.layers: must be a list"),
        ({**MANIFEST, "layers": [None]}, r"\.layers\[0\]: must be an object"),
        (_without(MANIFEST, "layers"), r"\.layers: is missing"),
        (_without(MANIFEST, "config"), r"\.config: must be an object"),
        (_without(MANIFEST, "schemaVersion"), r"\.schemaVersion: must be 2"),
        ({**MANIFEST, "schemaVersion": "2"}, r"\.schemaVersion: must be 2"),
        ({**MANIFEST, "schemaVersion": 3}, r"\.schemaVersion: must be 2"),
        ({**MANIFEST, "mediaType": 7}, r"\.mediaType: must be a text"),
        ({**MANIFEST, "mediaType": OCI_CONFIG}, r"\.mediaType: .* is neither a manifest nor an index"),
        ({**MANIFEST, "artifactType": "nope"}, r"\.artifactType: .* is not a media type"),
        ({**MANIFEST, "subject": ".nope"}, r"\.subject: must be an object"),
        ({**MANIFEST, "annotations": {"a": ["b"]}}, r'\.annotations\["a"\]: must be a text'),
        (_without(ARTIFACTS["minimal"], "artifactType"), r"\.artifactType: is missing"),
        (_without(INDEXES["two platforms"], "manifests"), r"\.manifests: is missing"),
        ({**INDEXES["two platforms"], "subject": "nope"}, r"\.subject: must be an object"),
        (_with_entry({**_PPC, "mediaType": "invalid"}), r"\.manifests\[0\]\.mediaType: .*not a media type"),
        (_with_entry({**_PPC, "mediaType": ""}), r"\.manifests\[0\]\.mediaType"),
        (_with_entry({**_PPC, "size": "7682"}), r"\.manifests\[0\]\.size"),
        (_with_entry(_without(_PPC, "digest")), r"\.manifests\[0\]\.digest"),
        (_with_entry({**_PPC, "platform": {"os": "linux"}}), r"\.manifests\[0\]\.platform\.architecture: is missing"),
        (_with_entry({**_PPC, "platform": {"architecture": "arm"}}), r"\.manifests\[0\]\.platform\.os: is missing"),
    ],
)
def test_the_rules_of_the_schemas(value: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^m{message}"):
        parse_manifest(_bytes(value), place="m")
