"""`orlop push`: what we push is what others pull, run and read; indexes and artifacts go through as they are."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dropin.containerd import CONFIGURATION, Containerd
from dropin.podman import Podman, configuration_for
from e2e.leftovers import cgroups_of, remove_cgroups
from e2e.waiting import wait_until
from orlop.oci.media_types import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST
from orlop.registry.client import open_registry
from registry.blob_bytes import BlobBytes
from registry.blob_file import described
from registry.docker_registry import docker_registry
from registry.images import skopeo

from .orlop import Orlop
from .remote import manifest, raw_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.docker_registry import DockerRegistry

    from .makers import Makers
    from .orlop import NewOrlop

pytestmark = [
    pytest.mark.needs_root,
    *(pytest.mark.needs_peer(one) for one in ("docker-registry", "umoci", "skopeo", "podman")),
]
SAYS = "hello 77:78 /data two"  # what the image of podman runs: as a user that only its /etc/passwd knows


@pytest.fixture(scope="module")
def target(base: Path) -> Iterator[DockerRegistry]:
    """Another registry, which has nothing yet."""
    with docker_registry(base / "target") as found:
        yield found


@pytest.fixture(scope="module")
def pushed(base: Path, podman_image: str, target: DockerRegistry) -> Iterator[str]:
    """The image of podman, pulled and pushed by us."""
    orlop = Orlop(base / "pushing")
    orlop.pull(podman_image, "--no-unpack")
    to = f"{target.domain}/team/pushed:1"
    assert orlop("push", "--plain-http", podman_image, to).line.startswith(f"{to}@sha256:")
    yield to
    orlop.clear()


def test_what_was_pushed_is_the_same(podman_image: str, pushed: str) -> None:
    assert raw_manifest(pushed) == raw_manifest(podman_image)


def test_what_is_there_is_not_sent_again(orlop: Orlop, podman_image: str, pushed: str) -> None:
    orlop.pull(podman_image, "--no-unpack")
    lines = orlop("push", "--plain-http", podman_image, pushed.replace(":1", ":2")).err.splitlines()
    assert {line.rpartition("  ")[2] for line in lines} == {"there already"}
    assert len(lines) == len(manifest(pushed)["layers"]) + 1


def test_podman_pulls_and_runs_it(directory: Path, program: Path, pushed: str) -> None:
    podman = Podman(directory, directory.name, configuration_for(program))
    podman("pull", "--quiet", "--tls-verify=false", pushed)
    assert podman.run("--rm", pushed).line == SAYS
    wait_until(lambda: remove_cgroups(directory.name), "the end of podman's cgroups")


@pytest.mark.needs_peer("containerd")
@pytest.mark.needs_peer("runc")
def test_containerd_pulls_and_runs_it(directory: Path, pushed: str) -> None:
    programs, runc = (shutil.which(one) for one in ("containerd", "runc"))
    assert programs
    assert runc
    containerd = Containerd(Path(programs).parent, directory, directory.name, CONFIGURATION)
    containerd.start()
    try:
        containerd.ctr("images", "pull", "--plain-http", pushed)
        words = ("--runc-binary", runc, "--cgroup", f"/{directory.name}/one")
        assert containerd.ctr("run", "--rm", *words, pushed, f"{directory.name}-one").line == SAYS
    finally:
        containerd.stop()
    wait_until(lambda: remove_cgroups(directory.name), "the end of the container's cgroups")


def test_orun_runs_it_from_a_bundle(orlop: Orlop, directory: Path, program: Path, pushed: str) -> None:
    """With its own user, environment, directory and command; and what it writes is gone with the bundle."""
    orlop.pull(pushed)
    for _ in range(2):
        bundle = directory / "bundle"
        orlop("bundle", pushed, bundle)
        configuration = json.loads((bundle / "config.json").read_text())
        assert configuration["process"]["user"] == {"uid": 77, "gid": 78, "additionalGids": [78]}
        orun = orlop.other(program, "--root", directory / "orun")
        assert orun("run", "--bundle", bundle, f"{directory.name}-run").line == SAYS
        assert not (bundle / "rootfs/tmp/written").exists()
        (bundle / "rootfs/tmp/written").write_text("by us")
        orlop("image", "unmount", bundle / "rootfs")
        shutil.rmtree(bundle)
    wait_until(lambda: not cgroups_of(directory.name), "the end of the container's cgroups")


class Platforms:
    """An index of two images, which differ in a file and in what they are for."""

    def __init__(self, makers: Makers, directory: Path, registry: DockerRegistry) -> None:
        layout = directory / "platforms"
        makers.tool("init", "--layout", layout)
        for architecture in ("amd64", "arm64"):
            image = f"{layout}:{architecture}"
            makers.tool("new", "--image", image)
            (directory / "file").write_text(f"for {architecture}\n")
            makers.tool("insert", "--image", image, directory / "file", "/file")
            makers.tool("config", "--image", image, "--os", "linux", "--architecture", architecture)
            skopeo(
                "copy",
                "--dest-tls-verify=false",
                f"oci:{image}",
                f"docker://{registry.domain}/platforms:{architecture}",
            )
        self.index = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [
                {
                    **self._described(f"{registry.domain}/platforms:{one}"),
                    "platform": {"os": "linux", "architecture": one},
                }
                for one in ("amd64", "arm64")
            ],
        }
        self.reference = f"{registry.domain}/platforms:all"
        asyncio.run(self._push(registry))

    @staticmethod
    def _described(reference: str) -> dict[str, Any]:
        return described(raw_manifest(reference).encode(), OCI_MANIFEST).to_json()

    async def _push(self, registry: DockerRegistry) -> None:
        async with open_registry(registry.domain, "platforms") as client:
            await client.push_manifest(json.dumps(self.index).encode(), OCI_INDEX, tag="all")


@pytest.fixture(scope="module")
def platforms(makers: Makers, tmp_path_factory: pytest.TempPathFactory, registry: DockerRegistry) -> Platforms:
    """The index, in the registry."""
    return Platforms(makers, tmp_path_factory.mktemp("platforms"), registry)


def test_an_index_goes_through_whole(
    orlop: Orlop, new_orlop: NewOrlop, platforms: Platforms, target: DockerRegistry
) -> None:
    to = f"{target.domain}/platforms:all"
    orlop.pull(platforms.reference)
    half = orlop("push", "--plain-http", platforms.reference, to, code=1)
    assert "pull --all-platforms, or push one with --platform" in half.err
    orlop.pull(platforms.reference, "--all-platforms")
    orlop("push", "--plain-http", platforms.reference, to)
    assert raw_manifest(to) == raw_manifest(platforms.reference)
    again = new_orlop("again")
    for architecture in ("arm64", "amd64"):
        again.pull(to, "--platform", f"linux/{architecture}")
        with again.mounted(to, "--platform", f"linux/{architecture}") as root:
            assert (root / "file").read_text() == f"for {architecture}\n"


def test_one_platform_of_an_index(orlop: Orlop, platforms: Platforms, target: DockerRegistry) -> None:
    to = f"{target.domain}/platforms:arm64"
    orlop.pull(platforms.reference, "--platform", "linux/arm64")
    assert "linux/s390x" in orlop.pull(platforms.reference, "--platform", "linux/s390x", code=1).err
    orlop("push", "--plain-http", "--platform", "linux/arm64", platforms.reference, to)
    assert raw_manifest(to) == raw_manifest(platforms.reference.replace(":all", ":arm64"))
    assert "not for linux/amd64" in orlop.pull(to, code=1).err


def test_an_artifact_goes_through(
    orlop: Orlop, umoci_image: str, registry: DockerRegistry, target: DockerRegistry
) -> None:
    """As oras makes one: an empty configuration, a type, files as layers, and an image that it is about."""
    subject = described(raw_manifest(umoci_image).encode(), OCI_MANIFEST)
    empty, text = described(b"{}", OCI_EMPTY), described(b"a bill of materials\n", "text/plain")
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example.sbom",
        "config": empty.to_json(),
        "layers": [{**text.to_json(), "annotations": {"org.opencontainers.image.title": "sbom.txt"}}],
        "subject": subject.to_json(),
    }

    async def push() -> None:
        async with open_registry(registry.domain, "artifact") as client:
            await client.push_blob(empty, BlobBytes(b"{}"))
            await client.push_blob(text, BlobBytes(b"a bill of materials\n"))
            await client.push_manifest(json.dumps(document).encode(), OCI_MANIFEST, tag="sbom")

    asyncio.run(push())
    source, to = f"{registry.domain}/artifact:sbom", f"{target.domain}/artifact:sbom"
    orlop.pull(source)
    assert orlop.blobs() >= {empty.digest.encoded, text.digest.encoded}
    assert not orlop.snapshots()
    orlop("push", "--plain-http", source, to)
    assert raw_manifest(to) == raw_manifest(source) == json.dumps(document)
    (orlop.directory / "mnt").mkdir()
    error = orlop("image", "mount", source, orlop.directory / "mnt", code=1).err
    assert "is an artifact of type application/vnd.example.sbom, not an image" in error
    orlop("prune")  # it holds what it has
    orlop.check()
    assert orlop.blobs() >= {empty.digest.encoded, text.digest.encoded}
