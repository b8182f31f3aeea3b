"""Fixtures: a registry and the images of others, made once; a store for each test, of which nothing stays behind."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.bundle import make_template
from e2e.leftovers import leftover_mounts
from e2e.waiting import wait_until
from registry.docker_registry import docker_registry

from .leftovers import helpers_of
from .makers import Makers
from .orlop import NewOrlop, Orlop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.docker_registry import DockerRegistry


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """A directory with a short path: sockets go into it."""
    directory = Path(tempfile.mkdtemp(prefix="images-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def registry(base: Path) -> Iterator[DockerRegistry]:
    """A registry without TLS and without passwords."""
    with docker_registry(base / "registry") as found:
        yield found


@pytest.fixture(scope="session")
def makers(base: Path, registry: DockerRegistry) -> Makers:
    """Who makes images."""
    directory = base / "made"
    directory.mkdir()
    return Makers(directory, registry, make_template(base / "template"))


@pytest.fixture(scope="session")
def umoci_image(makers: Makers) -> str:
    """An image of three layers, made by umoci."""
    return makers.umoci()


@pytest.fixture(scope="session")
def noise_image(makers: Makers) -> str:
    """An image whose layers take a while."""
    return makers.noise()


@pytest.fixture(scope="session")
def linked_image(makers: Makers) -> str:
    """An image with files behind links of lower layers."""
    return makers.behind_links()


@pytest.fixture(scope="session")
def podman_image(makers: Makers) -> str:
    """An image that can be run, made by podman."""
    return makers.podman()


@pytest.fixture
def directory(base: Path) -> Iterator[Path]:
    """The test's own directory. Afterwards no process and no mount of the test may be left, and nothing in /run."""
    path = base / f"t{uuid.uuid4().hex[:10]}"
    path.mkdir()
    default_state = Path("/run/orlop").exists()
    yield path
    wait_until(lambda: not helpers_of(path), f"the end of the test's processes: {helpers_of(path)}")
    assert leftover_mounts(path) == []
    assert Path("/run/orlop").exists() == default_state
    shutil.rmtree(path)


@pytest.fixture
def new_orlop(directory: Path) -> Iterator[NewOrlop]:
    """Makes an `orlop` with a store and a state of its own, by a name. Afterwards it is emptied."""
    made = []

    def make(name: str, *, attempts: int = 2) -> Orlop:
        made.append(Orlop(directory / name, attempts=attempts))
        return made[-1]

    yield make
    for one in made:
        one.clear()


@pytest.fixture
def orlop(new_orlop: NewOrlop) -> Orlop:
    """`orlop` with an empty store."""
    return new_orlop("orlop")
