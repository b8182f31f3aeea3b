"""`orlop image mount`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from orlop.linux.fstab_mount import detach
from orlop.snapshot.mounting import mounted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Orlop


@contextmanager
def unmounted(orlop: Orlop, target: Path) -> Iterator[None]:
    """Whatever the test does, nothing is mounted there afterwards."""
    try:
        yield
    finally:
        while mounted(target):
            orlop.out("image", "unmount", str(target))


@pytest.fixture
def target(orlop: Orlop, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "target"
    path.mkdir()
    with unmounted(orlop, path):
        yield path


@pytest.mark.needs_root
@pytest.mark.parametrize("snapshotter", ["auto", "native"])
def test_an_image_is_mounted_read_only(orlop: Orlop, target: Path, snapshotter: str) -> None:
    orlop.put("docker.io/library/a:1", text="text")
    assert orlop.out("--snapshotter", snapshotter, "image", "mount", "a:1", str(target)) == f"{target}\n"
    assert (target / "file0").read_bytes() == b"text 0"
    with pytest.raises(OSError, match="Read-only"):
        (target / "new").write_text("")


@pytest.mark.needs_root
def test_or_writable_and_the_image_stays_as_it_is(orlop: Orlop, target: Path) -> None:
    orlop.put("docker.io/library/a:1")
    assert orlop("image", "mount", "--rw", "a:1", str(target), "--format", "json").json == {"target": str(target)}
    (target / "file0").unlink()
    orlop.out("image", "unmount", str(target))
    orlop.out("image", "mount", "a:1", str(target))
    assert (target / "file0").exists()


@pytest.fixture
def verifier(tmp_path: Path) -> Path:
    """A program that refuses what is not in the file beside it, and its configuration."""
    directory = tmp_path / "verifiers"
    directory.mkdir(mode=0o755)
    program = directory / "policy"
    program.write_text(f'#!/bin/sh\ngrep -q "$4" {tmp_path}/allowed || {{ echo "$2 is not signed"; exit 1; }}\n')
    program.chmod(0o755)
    (tmp_path / "allowed").write_text("")
    (tmp_path / "config.toml").write_text(f'[verifier]\nbin_dir = "{directory}"\n')
    return tmp_path / "config.toml"


@pytest.mark.needs_root
@pytest.mark.parametrize("command", ["image mount", "bundle"])
def test_an_image_that_was_never_pulled_is_verified_before_it_is_used(
    orlop: Orlop, target: Path, tmp_path: Path, verifier: Path, command: str
) -> None:
    digest = orlop.put("docker.io/library/a:1").digest
    words = ["--config", str(verifier), *command.split(), "a:1", str(target)]
    name = "docker.io/library/a:1"
    assert orlop.error(*words) == (
        f'image "{name}" ({digest}) may not be used: policy refused it (exit status 1): {name} is not signed'
    )
    assert orlop("df", "--format", "json").json["namespaces"][0]["snapshots"] == {}, "it was not even unpacked"
    assert list(target.iterdir()) == []
    (tmp_path / "allowed").write_text(f"{digest}\n")
    orlop.out(*words)
    if command == "bundle":
        orlop.out("image", "unmount", str(target / "rootfs"))


@pytest.mark.needs_root
def test_it_is_verified_anew_unless_the_pull_is_to_be_enough(orlop: Orlop, target: Path, verifier: Path) -> None:
    orlop.put("docker.io/library/a:1")
    with verifier.open("a") as file:
        file.write('when = "pull"\n')
    orlop.out("--config", str(verifier), "image", "mount", "a:1", str(target))


def test_a_platform_must_be_the_images(orlop: Orlop, target: Path) -> None:
    orlop.put("docker.io/library/a:1")
    assert orlop.error("image", "mount", "--platform", "linux/arm64", "a:1", str(target)) == (
        "docker.io/library/a:1: is for linux/amd64, not for linux/arm64; leave --platform away"
    )


@pytest.mark.needs_root
def test_without_arguments_what_is_mounted_is_listed(orlop: Orlop, target: Path) -> None:
    orlop.put("docker.io/library/a:1")
    orlop.out("--snapshotter", "native", "image", "mount", "--rw", "a:1", str(target))
    row = {"target": str(target), "image": "docker.io/library/a:1", "snapshotter": "native", "writable": True}
    assert orlop("image", "mount", "--format", "json").json == [row | {"mounted": True}]
    assert orlop.out("image", "mount").splitlines()[1].split() == [
        str(target), "docker.io/library/a:1", "native", "writable", "mounted"
    ]  # fmt: skip
    detach(str(target))
    assert orlop("image", "mount", "--format", "json").json == [row | {"mounted": False}]
    assert orlop.out("image", "mount").endswith("  not mounted here\n")
    assert orlop.error("image", "mount", "a:1") == "target: missing; name the directory to mount it at"
    assert orlop.out("-n", "other", "prune").startswith("removed 0 images, 0 blobs, 1 snapshot:")
    assert orlop("image", "mount", "--format", "json").json == []


@pytest.mark.needs_root
def test_what_is_mounted_is_not_collected(orlop: Orlop, target: Path) -> None:
    orlop.put("docker.io/library/a:1")
    orlop.out("image", "mount", "a:1", str(target))
    orlop("rmi", "a:1")
    orlop("prune")
    assert (target / "file1").read_bytes() == b"text 1"


@pytest.mark.needs_root
def test_two_images_do_not_fit_on_one_directory(orlop: Orlop, target: Path) -> None:
    orlop.put("docker.io/library/a:1")
    orlop.out("image", "mount", "a:1", str(target))
    assert orlop.error("image", "mount", "a:1", str(target)) == (
        f"{target}: an image is mounted there; orlop image unmount {target}"
    )


def test_the_directory_must_be_there(orlop: Orlop, tmp_path: Path) -> None:
    orlop.put("docker.io/library/a:1")
    assert orlop.error("image", "mount", "a:1", str(tmp_path / "none")) == (
        f"target: {tmp_path}/none is no directory; mkdir {tmp_path}/none"
    )
