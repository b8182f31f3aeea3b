"""Archives that are saved."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import FailedPrecondition, NotFound
from orlop.image.new_image import NewConfig, NewLayer, Origin, put_blob, write_image
from orlop.image.outlet import TarOutlet
from orlop.image.save import save_docker_archive, save_layout
from orlop.oci.digest import Digest
from orlop.oci.manifest import Manifest, parse_manifest

from .images import AMD64, ARM64, NAME, files_of, image_of, index_of, layer_of, read_blob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.content.local import LocalContentStore
    from orlop.oci.descriptor import Descriptor
    from orlop.oci.platform import Platform


def _layout(
    content: LocalContentStore, *images: tuple[str, Descriptor], platforms: Sequence[Platform] = ()
) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """The files of the archive, and the manifests of its index."""
    out = io.BytesIO()
    save_layout(content, images, TarOutlet(out.write), host=AMD64, platforms=platforms)
    files = files_of(out.getvalue())
    return files, json.loads(files["index.json"])["manifests"]


def _docker(content: LocalContentStore, *images: tuple[str, Descriptor]) -> dict[str, bytes]:
    out = io.BytesIO()
    save_docker_archive(content, images, TarOutlet(out.write), platform=AMD64)
    return files_of(out.getvalue())


def _blobs(files: dict[str, bytes]) -> set[str]:
    return {"sha256:" + name.rpartition("/")[2] for name in files if name.startswith("blobs/sha256/")}


def _parts(content: LocalContentStore, image: Descriptor) -> set[str]:
    manifest = parse_manifest(read_blob(content, image.digest))
    return {str(one.digest) for one in (image, *manifest.children)}


def test_a_layout_has_the_blobs_and_both_documents(content: LocalContentStore) -> None:
    image = image_of(content)
    files, (named,) = _layout(content, (NAME, image))
    assert set(files) == {"oci-layout", "index.json", "manifest.json"} | {
        f"blobs/sha256/{digest.removeprefix('sha256:')}" for digest in _parts(content, image)
    }
    assert named["digest"] == str(image.digest)
    assert named["annotations"] == {
        "io.containerd.image.name": NAME,
        "org.opencontainers.image.ref.name": "1.0",
    }
    for digest in _blobs(files):
        assert Digest.of(files[f"blobs/sha256/{digest.removeprefix('sha256:')}"]) == Digest.parse(digest)
    (docker,) = json.loads(files["manifest.json"])
    assert docker["RepoTags"] == [NAME]
    assert {docker["Config"], *docker["Layers"]} <= set(files)


def test_the_same_images_give_the_same_bytes(content: LocalContentStore) -> None:
    outs = [io.BytesIO(), io.BytesIO()]
    image = image_of(content)
    for out in outs:
        save_layout(content, [(NAME, image)], TarOutlet(out.write), host=AMD64)
    assert outs[0].getvalue() == outs[1].getvalue()


def test_images_share_blobs_and_one_may_have_several_names(content: LocalContentStore) -> None:
    one, other = image_of(content, layers=2), image_of(content, layers=3)
    files, manifests = _layout(content, (NAME, one), ("quay.io/x:2", one), ("", other))
    assert _blobs(files) == _parts(content, one) | _parts(content, other)
    assert [entry.get("annotations", {}).get("io.containerd.image.name") for entry in manifests] == [
        NAME,
        "quay.io/x:2",
        None,
    ]
    assert [entry["RepoTags"] for entry in json.loads(files["manifest.json"])] == [[NAME, "quay.io/x:2"], []]


def test_of_an_index_goes_what_is_in_the_store(content: LocalContentStore) -> None:
    amd, arm = image_of(content, "amd"), image_of(content, "arm", ARM64)
    absent = replace(arm, digest=Digest.of(b"absent"))
    index = index_of(content, amd, arm, absent)
    files, (named,) = _layout(content, (NAME, index))
    assert named["digest"] == str(index.digest)
    assert _blobs(files) == {str(index.digest)} | _parts(content, amd) | _parts(content, arm)
    (docker,) = json.loads(files["manifest.json"])
    assert docker["Config"].rpartition("/")[2] in {digest.partition(":")[2] for digest in _parts(content, amd)}


def test_of_one_platform_goes_the_image_alone(content: LocalContentStore) -> None:
    amd, arm = image_of(content, "amd"), image_of(content, "arm", ARM64)
    files, (named,) = _layout(content, (NAME, index_of(content, amd, arm)), platforms=[ARM64])
    assert named["digest"] == str(arm.digest)
    assert named["platform"] == {"architecture": "arm64", "os": "linux"}
    assert _blobs(files) == _parts(content, arm)
    (docker,) = json.loads(files["manifest.json"])
    assert docker["Config"] in files


def test_the_name_of_an_index_by_digest_is_not_that_of_an_image_of_it(content: LocalContentStore) -> None:
    amd, arm = image_of(content, "amd"), image_of(content, "arm", ARM64)
    index = index_of(content, amd, arm)
    for platforms, digest in (((), index.digest), ((ARM64,), arm.digest)):
        _, (named,) = _layout(content, (f"quay.io/x@{index.digest}", index), platforms=platforms)
        assert named["annotations"]["io.containerd.image.name"] == f"quay.io/x@{digest}"


def test_of_several_platforms_the_index_goes_with_them(content: LocalContentStore) -> None:
    riscv = replace(AMD64, architecture="riscv64")
    images = [image_of(content, platform.architecture, platform) for platform in (AMD64, ARM64, riscv)]
    index = index_of(content, *images)
    files, (named,) = _layout(content, (NAME, index), platforms=[AMD64, riscv])
    assert named["digest"] == str(index.digest)
    assert _blobs(files) == {str(index.digest)} | _parts(content, images[0]) | _parts(content, images[2])


def test_what_is_missing_is_told(content: LocalContentStore) -> None:
    image = image_of(content)
    with pytest.raises(
        NotFound, match=f"{NAME}: there is no image for linux/arm64 in the store; pull --platform linux/arm64"
    ):
        _layout(content, (NAME, index_of(content, image)), platforms=[ARM64])
    manifest = parse_manifest(read_blob(content, image.digest))
    assert isinstance(manifest, Manifest)
    lost = manifest.layers[1].digest
    content.delete(lost)
    with pytest.raises(NotFound, match=f"{NAME}: its part {lost} is not in the store; pull it again"):
        _layout(content, (NAME, image))


def test_an_image_for_another_platform_is_not_saved(content: LocalContentStore) -> None:
    image = image_of(content)
    for platforms in ([ARM64], [AMD64, ARM64]):
        with pytest.raises(NotFound, match=f"{NAME}: is for linux/amd64, not for linux/arm64"):
            _layout(content, (NAME, image), platforms=platforms)
    with pytest.raises(NotFound, match=f"{NAME}: is for linux/amd64, not for linux/arm64"):
        save_docker_archive(content, [(NAME, image)], TarOutlet(io.BytesIO().write), platform=ARM64, is_asked_for=True)
    _, (named,) = _layout(content, (NAME, image), platforms=[AMD64])
    assert named["digest"] == str(image.digest)


def test_a_docker_archive_has_raw_layers(content: LocalContentStore) -> None:
    image = image_of(content)
    files = _docker(content, (NAME, image), ("quay.io/x:2", image))
    (docker,) = json.loads(files["manifest.json"])
    assert docker["RepoTags"] == [NAME, "quay.io/x:2"]
    manifest = parse_manifest(read_blob(content, image.digest))
    assert isinstance(manifest, Manifest)
    assert files[docker["Config"]] == read_blob(content, manifest.config.digest)
    assert docker["Config"] == f"{manifest.config.digest.encoded}.json"
    raw = [gzip.decompress(read_blob(content, layer.digest)) for layer in manifest.layers]
    assert [files[path] for path in docker["Layers"]] == raw
    assert docker["Layers"] == [f"{Digest.of(data).encoded}.tar" for data in raw]
    last = Digest.of(raw[-1]).encoded
    assert json.loads(files["repositories"]) == {"docker.io/library/sample": {"1.0": last}, "quay.io/x": {"2": last}}


def test_a_docker_archive_has_shared_layers_once(content: LocalContentStore) -> None:
    files = _docker(content, ("", image_of(content, layers=2)), ("", image_of(content, layers=3)))
    assert len([name for name in files if name.endswith(".tar")]) == 3
    assert [len(entry["Layers"]) for entry in json.loads(files["manifest.json"])] == [2, 3]
    assert json.loads(files["repositories"]) == {}


def test_a_docker_archive_chooses_the_platform(content: LocalContentStore) -> None:
    amd, arm = image_of(content, "amd"), image_of(content, "arm", ARM64)
    files = _docker(content, (NAME, index_of(content, arm, amd)))
    (docker,) = json.loads(files["manifest.json"])
    assert json.loads(files[docker["Config"]])["architecture"] == "amd64"
    with pytest.raises(NotFound, match=f"{NAME}: there is no image for linux/amd64 in the store"):
        _docker(content, (NAME, index_of(content, arm)))


def test_a_layer_of_another_diff_id_is_not_given_away(content: LocalContentStore) -> None:
    layer = layer_of(content, "file", b"text")
    wrong = NewLayer(blob=layer.blob, diff_id=Digest.of(b"other"))
    image = write_image(content, [wrong], NewConfig(), Origin(platform=AMD64, created_by="test"))
    with pytest.raises(
        FailedPrecondition, match=f"its diff id is {layer.diff_id}, not {wrong.diff_id} as the configuration"
    ):
        _docker(content, (NAME, image))


def test_an_artifact_is_saved_without_a_word_to_docker(content: LocalContentStore) -> None:
    empty = put_blob(content, b"{}")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "text/plain",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(empty), "size": 2},
        "layers": [{"mediaType": "text/plain", "digest": str(put_blob(content, b"hello")), "size": 5}],
    }
    data = json.dumps(manifest).encode()
    target = replace(image_of(content), digest=put_blob(content, data), size=len(data))
    files, _ = _layout(content, (NAME, target))
    assert _blobs(files) == {str(target.digest), str(empty), str(Digest.of(b"hello"))}
    assert "manifest.json" not in files
