"""Fixtures of the drop-in tests: images, callers, and the check that nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.bundle import make_template
from e2e.leftovers import cgroups_of, leftover_mounts, processes_of
from e2e.waiting import wait_until

from . import containerd
from .oci_layout import image_tar, rootfs_tar
from .podman import IMAGE, Podman, configuration_for

if TYPE_CHECKING:
    from collections.abc import Iterator

# What podman makes itself beside the containers' cgroups, for conmon and for a pod, and does not always remove.
_CALLERS_CGROUP = re.compile("conmon|[0-9a-f]{64}")


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """A directory with a short path: sockets go into it."""
    directory = Path(tempfile.mkdtemp(prefix="drop-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def template(base: Path) -> Path:
    """The root file system of all images."""
    return make_template(base / "template")


@pytest.fixture(scope="session")
def layer(base: Path, template: Path) -> Path:
    """The same as a tar."""
    return rootfs_tar(template, base / "rootfs.tar")


@pytest.fixture(scope="session")
def image(base: Path, layer: Path) -> Path:
    """An image of it, as a tar."""
    return image_tar(layer, containerd.IMAGE, base / "image.tar")


@pytest.fixture
def token() -> str:
    """A word that nothing else on this machine has in its name."""
    return f"d{uuid.uuid4().hex[:10]}"


@pytest.fixture
def directory(base: Path, token: str) -> Iterator[Path]:
    """The test's own directory. Afterwards no process, mount or cgroup of the test may be left."""
    path = base / token
    path.mkdir()
    yield path
    _check_nothing_is_left(path, token)
    shutil.rmtree(path)


def _check_nothing_is_left(directory: Path, token: str) -> None:
    try:
        wait_until(lambda: not processes_of(token, directory), "the end of the test's processes")
        wait_until(lambda: not _containers_cgroups(token), "the end of the containers' cgroups")
    except AssertionError:
        processes, cgroups = processes_of(token, directory), _containers_cgroups(token)
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        raise AssertionError(f"left behind: processes {processes}, cgroups {cgroups}") from None
    for cgroup in cgroups_of(token):
        cgroup.rmdir()
    assert leftover_mounts(directory) == []


def _containers_cgroups(token: str) -> list[Path]:
    return [path for path in cgroups_of(token) if path.name != token and not _CALLERS_CGROUP.fullmatch(path.name)]


@pytest.fixture
def podman(program: Path, directory: Path, token: str, layer: Path) -> Iterator[Podman]:
    """podman with one image. Afterwards the containers that are left are removed, and none of them may stay."""
    yield from podman_in(directory, token, layer, configuration_for(program))


def podman_in(directory: Path, token: str, layer: Path, configuration: str) -> Iterator[Podman]:
    """podman with that containers.conf."""
    podman = Podman(directory, token, configuration)
    podman("import", layer, IMAGE)
    yield podman
    podman("pod", "rm", "--force", "--all", "--time", "0")
    podman("rm", "--force", "--all", "--time", "0")
    assert podman("ps", "--all", "--quiet").out == ""
