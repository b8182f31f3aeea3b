"""What is told about an image, and its history beside its layers."""

from __future__ import annotations

import json
from typing import Any

from orlop.image.inspect import image_history, inspect_artifact, inspect_image
from orlop.oci.chain_id import chain_ids
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.image_config import ImageConfig
from orlop.oci.manifest import Index, Manifest
from orlop.oci.media_types import OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST

_LAYERS = tuple(
    Descriptor(media_type=OCI_LAYER_GZIP, digest=Digest.of(name), size=size)
    for name, size in ((b"1", 1000), (b"2", 200), (b"3", 30))
)
_DIFF_IDS = [Digest.of(name) for name in (b"d1", b"d2", b"d3")]
_MANIFEST = Manifest(
    config=Descriptor(media_type=OCI_CONFIG, digest=Digest.of(b"config"), size=4),
    layers=_LAYERS,
    annotations={"a": "b"},
)
_DESCRIPTOR = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"manifest"), size=50_000)
_INDEX = Descriptor(media_type=OCI_INDEX, digest=Digest.of(b"index"), size=7)


def _config(history: list[dict[str, Any]] | None = None, **config: Any) -> ImageConfig:
    value = {
        "architecture": "arm64",
        "variant": "v8",
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [str(one) for one in _DIFF_IDS]},
        "history": history,
    }
    return ImageConfig.parse(json.dumps(value).encode())


def test_an_image() -> None:
    names = ["docker.io/library/b:1", "test:5000/a:2", "docker.io/library/b:2"]
    config = _config(User="web", Cmd=["sh"], Volumes={"/data": {}}, Healthcheck={"Test": ["NONE"], "Retries": 2})
    found = inspect_image(names, _INDEX, _DESCRIPTOR, _MANIFEST, config)
    json.dumps(found)
    assert found["names"] == sorted(names)
    assert found["digests"] == [f"docker.io/library/b@{_INDEX.digest}", f"test:5000/a@{_INDEX.digest}"]
    assert found["target"] == _INDEX.to_json()
    assert found["manifest"] == _DESCRIPTOR.to_json()
    assert found["id"] == str(Digest.of(b"config"))
    assert found["platform"] == "linux/arm64/v8"
    assert found["created"] == "2026-01-01T00:00:00Z"
    assert found["size"] == 51_234
    assert found["annotations"] == {"a": "b"}
    assert found["config"] == {
        "User": "web",
        "Cmd": ["sh"],
        "Volumes": {"/data": {}},
        "Healthcheck": {"Test": ["NONE"], "Retries": 2},
    }


def test_the_layers_of_an_image() -> None:
    chain = chain_ids(_DIFF_IDS)
    found = inspect_image([], _DESCRIPTOR, _DESCRIPTOR, _MANIFEST, _config())
    assert found["chainId"] == str(chain[-1])
    assert found["layers"][1] == {
        "mediaType": OCI_LAYER_GZIP,
        "digest": str(_LAYERS[1].digest),
        "diffId": str(_DIFF_IDS[1]),
        "chainId": str(chain[1]),
        "size": 200,
    }


def test_a_name_that_is_no_reference_has_no_digest() -> None:
    found = inspect_image(["Not a reference"], _INDEX, _DESCRIPTOR, _MANIFEST, _config())
    assert (found["names"], found["digests"]) == (["Not a reference"], [])


def test_an_index() -> None:
    entry = Descriptor(
        media_type=OCI_MANIFEST, digest=Digest.of(b"m"), size=1, platform={"architecture": "amd64", "os": "linux"}
    )
    index = Index(manifests=(entry, _DESCRIPTOR), subject=_INDEX)
    found = inspect_artifact(["a:1"], _INDEX, _INDEX, index)
    assert [one.get("platform") for one in found["manifests"]] == ["linux/amd64", None]
    assert found["subject"] == _INDEX.to_json()
    assert found["artifactType"] == ""


def test_an_artifact() -> None:
    empty = Descriptor(media_type=OCI_EMPTY, digest=Digest.of(b"{}"), size=2)
    document = Manifest(config=empty, layers=(empty,), artifact_type="application/vnd.example+type")
    found = inspect_artifact([], _DESCRIPTOR, _DESCRIPTOR, document)
    assert found["artifactType"] == "application/vnd.example+type"
    assert found["size"] == 50_004
    assert found["layers"] == [empty.to_json()]
    assert "subject" not in found


def _step(command: str, *, empty: bool = False) -> dict[str, Any]:
    return {"created": "2026-01-01T00:00:00Z", "created_by": command, "empty_layer": empty, "comment": "buildkit"}


def test_each_step_stands_beside_its_layer() -> None:
    steps = [_step("ADD"), _step("ENV", empty=True), _step("RUN"), _step("COPY"), _step("CMD", empty=True)]
    rows = image_history(_MANIFEST, _config(steps))
    assert [(row.created_by, row.size_bytes) for row in rows] == [
        ("CMD", 0),
        ("COPY", 30),
        ("RUN", 200),
        ("ENV", 0),
        ("ADD", 1000),
    ]
    assert [row.layer for row in rows if row.layer] == list(_LAYERS[::-1])
    assert (rows[0].created, rows[0].comment) == ("2026-01-01T00:00:00Z", "buildkit")


def test_layers_without_a_step() -> None:
    assert [(row.created_by, row.size_bytes) for row in image_history(_MANIFEST, _config())] == [
        ("", 30),
        ("", 200),
        ("", 1000),
    ]
    assert [row.created_by for row in image_history(_MANIFEST, _config([_step("ADD")]))] == ["", "", "ADD"]


def test_steps_without_a_layer() -> None:
    rows = image_history(_MANIFEST, _config([_step(str(number)) for number in range(5)]))
    assert [(row.created_by, row.size_bytes) for row in rows] == [
        ("4", 0),
        ("3", 0),
        ("2", 30),
        ("1", 200),
        ("0", 1000),
    ]


def test_threat_m_a_history_has_no_control_characters() -> None:
    row = image_history(_MANIFEST, _config([_step("RUN a \\\n\tb\x1b[2J\u202e")]))[-1]
    assert row.created_by == "RUN a \\  b\ufffd[2J\ufffd"
