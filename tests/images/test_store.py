"""The store under `orlop`: what it takes, what it gives back on a full disk, who may use it at the same time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from e2e.waiting import DEADLINE_S, wait_until
from orlop.content.local import LocalContentStore
from orlop.metadata.layout import RESERVE_BYTES
from orlop.metadata.store import Store
from orlop.oci.media_types import OCI_MANIFEST
from registry.blob_file import described
from registry.nginx import nginx

from .leftovers import helpers_of
from .orlop import SNAPSHOTTERS, Orlop
from .remote import layer_digests, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.docker_registry import DockerRegistry

    from .orlop import NewOrlop

pytestmark = [
    pytest.mark.needs_root,
    *(pytest.mark.needs_peer(one) for one in ("docker-registry", "umoci", "skopeo", "nginx")),
]
IMAGES = 10_000


def opened(orlop: Orlop) -> Store:
    """The store by the library."""
    return Store.open(orlop.root, state=orlop.state, content=LocalContentStore, snapshotters={})


def du(root: Path) -> int:
    done = subprocess.run(["du", "-sx", "-B1", root], capture_output=True, text=True, check=True, timeout=300)
    return int(done.stdout.split()[0])


def test_df_adds_up_to_what_du_shows(orlop: Orlop, umoci_image: str, noise_image: str) -> None:
    for snapshotter in SNAPSHOTTERS:
        orlop.pull(umoci_image, snapshotter=snapshotter)
    orlop.pull(noise_image, "--no-unpack")
    with opened(orlop) as store:
        store.images.delete(noise_image)  # `orlop rmi` would collect at once
    with orlop.mounted(umoci_image, snapshotter="erofs"):
        os.sync()  # what is not written yet may come to another number of blocks
        before = orlop.json("df")
        assert before["totalBytes"] == du(orlop.root)
        assert before["snapshotBytes"].keys() == set(SNAPSHOTTERS)
        assert before["reclaimableBytes"] > 3 * 1_500_000
        freed = orlop.json("prune")["freedBytes"]
        os.sync()
        after = orlop.json("df")
        assert after["totalBytes"] == du(orlop.root)
        assert after["reclaimableBytes"] == 0
        assert before["contentBytes"] - after["contentBytes"] >= before["reclaimableBytes"]
        assert freed >= before["reclaimableBytes"]
    (row,) = after["namespaces"]
    assert row["images"] == 1
    assert row["blobs"] == len(orlop.blobs())


@pytest.fixture
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of 24 MiB, with the blocks of a large one (docs/metadata.md)."""
    image, target = directory / "disk", directory / "small"
    target.mkdir()
    with image.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-b", "4096", image], check=True, timeout=300)
    subprocess.run(["mount", "-o", "loop", image, target], check=True, timeout=300)
    yield target
    wait_until(lambda: not helpers_of(directory), "the end of the processes that may hold the file system")
    subprocess.run(["umount", target], check=True, timeout=300)


@pytest.mark.parametrize("snapshotter", ["erofs", "overlayfs"])
def test_prune_works_on_a_full_disk(
    directory: Path, small_disk: Path, umoci_image: str, noise_image: str, snapshotter: str
) -> None:
    orlop = Orlop(directory / "orlop", root=small_disk / "root")
    orlop.pull(umoci_image, snapshotter=snapshotter)
    whole = orlop.images()
    leave_free(small_disk, 3_000_000)
    answer = orlop.pull(noise_image, snapshotter=snapshotter, code=1)
    assert "ENOSPC (No space left on device)" in answer.err
    assert (orlop.root / "reserve").stat().st_size == RESERVE_BYTES, "what failed leaves what pruning needs"
    leave_free(small_disk, 0)
    for _ in range(3):  # of whatever room it finds
        answer = orlop.pull(noise_image, snapshotter=snapshotter, code=1)
        assert "ENOSPC (No space left on device)" in answer.err
    assert orlop.images() == whole
    leave_free(small_disk, 0)
    orlop("prune")
    assert orlop.images() == whole
    assert {digest for digest in layer_digests(noise_image) if digest[7:] in orlop.blobs()} == set()
    assert orlop.ingests() == []
    leave_free(small_disk, 0)
    orlop("prune", "--all")
    assert orlop.is_empty()
    for path in small_disk.glob("filler-*"):
        path.unlink()
    orlop.pull(noise_image, snapshotter=snapshotter)
    orlop.check()
    orlop.clear()


def leave_free(disk: Path, keep_bytes: int) -> None:
    """Fill the file system with a file of root's, but for so many bytes."""
    filler = disk / f"filler-{len(list(disk.glob('filler-*')))}"
    with filler.open("wb", buffering=0) as file:
        while (room := shutil.disk_usage(disk).free - keep_bytes) > 0:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), max(4096, room // 2))
            except OSError:
                if room <= 4096 * 4:
                    break


def test_a_verifier_that_refuses(orlop: Orlop, umoci_image: str) -> None:
    """Asked before anything but the name has been looked up."""
    orlop.verifiers.mkdir()
    verifier = orlop.verifiers / "policy"
    verifier.write_text('#!/bin/sh\necho "$@" >"$0.asked"\necho "nobody signed this"\nexit 1\n')
    verifier.chmod(0o755)
    answer = orlop.pull(umoci_image, code=1)
    assert "nobody signed this" in answer.err
    asked = (orlop.verifiers / "policy.asked").read_text()
    assert f"-name {umoci_image}" in asked
    assert orlop.is_empty()
    (orlop.verifiers / "policy.asked").unlink()
    verifier.write_text('#!/bin/sh\necho "signed by alice"\n')
    orlop.pull(umoci_image)
    orlop.check()


def test_pulls_of_one_image_at_the_same_time(
    orlop: Orlop, directory: Path, registry: DockerRegistry, noise_image: str
) -> None:
    """Each blob is fetched once, and all of them have the image."""
    slow = f"location ~ /blobs/ {{ proxy_pass {registry.url}; limit_rate 4m; }}"
    with nginx(directory / "nginx", registry.url, server=slow) as proxy:
        image = noise_image.replace(registry.domain, proxy.domain)
        command = [*orlop.command, "pull", "--plain-http", "--quiet", image]
        pulls = [
            subprocess.Popen(command, env=orlop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        for one in pulls:
            out, err = one.communicate(timeout=DEADLINE_S)
            assert (one.returncode, err) == (0, "")
            assert out.startswith(image)
    fetched = Counter(request.target.rpartition("/")[2] for request in proxy.requests() if "/blobs/" in request.target)
    assert fetched == dict.fromkeys([manifest(noise_image)["config"]["digest"], *layer_digests(noise_image)], 1)
    orlop.check()
    assert len(orlop.snapshots()) == len(layer_digests(noise_image))
    orlop("prune")
    assert len(orlop.snapshots()) == len(layer_digests(noise_image))


def test_ten_thousand_images_are_listed(new_orlop: NewOrlop) -> None:
    orlop = new_orlop("many")
    names = [f"registry.example/team-{number % 100}/image:{number}" for number in range(IMAGES)]
    targets = [described(name.encode(), OCI_MANIFEST) for name in names]
    with opened(orlop) as store:
        for name, target in zip(names, targets, strict=True):
            store.images.put(name, target)
    assert orlop.images() == {name: str(target.digest) for name, target in zip(names, targets, strict=True)}
    assert orlop("images", "--quiet").out.splitlines() == sorted(names)
    table = orlop("images").out.splitlines()
    assert len(table) == IMAGES + 1
    assert table[1].split()[:2] == [min(names), described(min(names).encode()).digest.encoded[:12]]
