"""The document of docker-archives."""

from __future__ import annotations

import json

import pytest

from orlop.errors import InvalidArgument
from orlop.image.docker_archive import (
    DockerImage,
    StoredFile,
    docker_manifest,
    encode_docker_manifest,
    encode_repositories,
    parse_docker_manifest,
)
from orlop.oci.digest import Digest

IMAGE = DockerImage(config="c.json", layers=("l1.tar", "l2/layer.tar"), names=("docker.io/library/a:1", "quay.io/b:2"))


def test_it_is_read_as_it_was_written() -> None:
    data = encode_docker_manifest([IMAGE, DockerImage(config="d.json", layers=(), names=())])
    assert json.loads(data)[0] == {
        "Config": "c.json",
        "RepoTags": ["docker.io/library/a:1", "quay.io/b:2"],
        "Layers": ["l1.tar", "l2/layer.tar"],
    }
    assert parse_docker_manifest(data) == [IMAGE, DockerImage(config="d.json", layers=(), names=())]


def test_names_without_a_tag_are_left_out() -> None:
    name = f"docker.io/library/a@{Digest.of(b'x')}"
    data = encode_docker_manifest([DockerImage(config="c", layers=(), names=(name,))])
    assert json.loads(data)[0]["RepoTags"] == []
    assert encode_repositories([(DockerImage(config="c", layers=(), names=(name,)), Digest.of(b"x"))]) == b"{}"


def test_paths_are_normalized_and_missing_lists_are_empty() -> None:
    (image,) = parse_docker_manifest(b'[{"Config": "./a/../c.json", "RepoTags": null}]')
    assert image == DockerImage(config="c.json", layers=(), names=())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"manifest\.json: line 1"),
        (b"{}", "must be a list of images"),
        (b"[]", "must be a list of images"),
        (b'[{}],"x":1', "must be a list of images"),
        (b"[1]", r"manifest\.json\[0\]: must be an object"),
        (b"[{}]", r"\[0\]\.Config: must be the path of a file"),
        (b'[{"Config": "c", "Layers": "l"}]', r"\[0\]\.Layers: must be a list of texts"),
        (b'[{"Config": "c", "Layers": [""]}]', r"\[0\]\.Layers\[0\]: must be the path"),
        (b'[{"Config": "c", "RepoTags": ["A B"]}]', r"\[0\]\.RepoTags\[0\]: "),
        (b'[{"Config": "c", "Config": "d"}]', "Config"),
        (b"[" * 200 + b"]" * 200, "nested"),
        (b" " * (5 << 20), "bytes are more than"),
    ],
)
def test_what_is_malformed_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        parse_docker_manifest(data)


def test_the_manifest_says_how_layers_are_compressed() -> None:
    files = [StoredFile(digest=Digest.of(name.encode()), size=3, compression=name) for name in ("none", "gzip", "zstd")]
    manifest = docker_manifest(files[0], files)
    assert manifest.media_type == "application/vnd.docker.distribution.manifest.v2+json"
    assert manifest.config.media_type == "application/vnd.docker.container.image.v1+json"
    kinds = [layer.media_type.removeprefix("application/vnd.docker.image.rootfs.diff.") for layer in manifest.layers]
    assert kinds == ["tar", "tar.gzip", "tar.zstd"]
    assert [layer.digest for layer in manifest.layers] == [one.digest for one in files]


def test_repositories_name_the_last_layer() -> None:
    assert json.loads(encode_repositories([(IMAGE, Digest.of(b"x"))])) == {
        "docker.io/library/a": {"1": Digest.of(b"x").encoded},
        "quay.io/b": {"2": Digest.of(b"x").encoded},
    }
