"""The files of an OCI image layout, and names in its index."""

from __future__ import annotations

import json

import pytest

from orlop.errors import InvalidArgument
from orlop.image.layout import blob_digest, blob_path, check_layout, index_bytes, layout_bytes, name_of
from orlop.oci.descriptor import Descriptor
from orlop.oci.digest import Digest
from orlop.oci.media_types import OCI_MANIFEST

CONTAINERD, OCI = "io.containerd.image.name", "org.opencontainers.image.ref.name"


def _descriptor(**annotations: str) -> Descriptor:
    named = {{"containerd": CONTAINERD, "oci": OCI}.get(key, key): value for key, value in annotations.items()}
    return Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"x"), size=1, annotations=named)


def test_the_layout_is_of_version_1() -> None:
    assert layout_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    check_layout(layout_bytes(), place="oci-layout")
    for data in (b'{"imageLayoutVersion": "2.0.0"}', b"{}"):
        with pytest.raises(InvalidArgument, match=r"oci-layout\.imageLayoutVersion: must be 1\.0\.0"):
            check_layout(data, place="oci-layout")


@pytest.mark.parametrize("digest", [Digest.of(b"x"), Digest.of(b"x", algorithm="sha512")])
def test_a_blob_has_its_path(digest: Digest) -> None:
    assert blob_path(digest) == f"blobs/{digest.algorithm}/{digest.encoded}"
    assert blob_digest(blob_path(digest)) == digest


@pytest.mark.parametrize("path", ["blobs/sha256/x", "blobs/md5/" + "0" * 32, "blobs/sha256", "x/sha256/" + "0" * 64])
def test_other_paths_are_no_blobs(path: str) -> None:
    assert blob_digest(path) is None


def test_an_index_tells_names_in_both_ways() -> None:
    target = _descriptor(other="kept", oci="old")
    index = json.loads(
        index_bytes([("docker.io/library/a:1", target), (f"quay.io/b@{target.digest}", target), ("", target)])
    )
    assert [one["annotations"] for one in index["manifests"]] == [
        {"other": "kept", CONTAINERD: "docker.io/library/a:1", OCI: "1"},
        {"other": "kept", CONTAINERD: f"quay.io/b@{target.digest}", OCI: str(target.digest)},
        {"other": "kept"},
    ]
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"


@pytest.mark.parametrize(
    ("annotations", "base", "name"),
    [
        ({"containerd": "docker.io/library/a:1", "oci": "2"}, "b", "docker.io/library/a:1"),
        ({"containerd": "a"}, "", "docker.io/library/a:latest"),
        ({"oci": "quay.io/x/y:3"}, "b", "quay.io/x/y:3"),
        ({"oci": "a:1"}, "", "docker.io/library/a:1"),
        ({"oci": "latest"}, "", ""),
        ({"oci": "latest"}, "quay.io/b", "quay.io/b:latest"),
        ({}, "quay.io/b", ""),
    ],
)
def test_a_name_is_found(annotations: dict[str, str], base: str, name: str) -> None:
    assert name_of(_descriptor(**annotations), base_name=base, place="index") == name


@pytest.mark.parametrize(
    ("annotations", "base", "message"),
    [
        ({"containerd": "A:B:C"}, "", r'index\.annotations\["io\.containerd\.image\.name"\]: '),
        ({"oci": "../../x:1"}, "", r'index\.annotations\["org\.opencontainers\.image\.ref\.name"\]: '),
        ({"oci": "a\nb"}, "quay.io/b", "tag"),
        ({"oci": "latest"}, "UPPER", "base name: "),
    ],
)
def test_a_bad_name_is_refused(annotations: dict[str, str], base: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        name_of(_descriptor(**annotations), base_name=base, place="index")
