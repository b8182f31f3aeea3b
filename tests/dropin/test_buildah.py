"""buildah with this runtime: every `run` of a build is a container."""

from __future__ import annotations

import functools
import shutil
from typing import TYPE_CHECKING

import pytest

from .podman import configuration_for
from .tool import Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .tool import Answer

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_peer("buildah")]


@pytest.fixture
def buildah(program: Path, directory: Path, token: str) -> Iterator[Tool]:
    """buildah with a store of its own. Afterwards its working containers are removed."""
    configuration = directory / "containers.conf"
    configuration.write_text(configuration_for(program))
    store = ["--root", str(directory / "root"), "--runroot", str(directory / "runroot"), "--storage-driver", "vfs"]
    environment = {"CONTAINERS_CONF": str(configuration), "E2E_TOKEN": token, "TMPDIR": str(directory)}
    buildah = Tool(["buildah", *store], directory, environment)
    yield buildah
    buildah("rm", "--all")


@pytest.fixture
def working_container(buildah: Tool, template: Path, directory: Path) -> str:
    """A working container from scratch, with busybox in it."""
    name = buildah("from", "scratch").line
    shutil.copytree(template, directory / "content", symlinks=True)
    buildah("copy", name, directory / "content", "/")
    buildah("config", "--env", "PATH=/bin", name)
    return name


@pytest.fixture
def step(buildah: Tool, working_container: str, program: Path) -> Callable[..., Answer]:
    """`buildah run` in that working container, by the runtime under test."""
    words = ("run", "--runtime", program, "--isolation", "oci", "--network", "none", "--env", "A=b", working_container)
    return functools.partial(buildah, *words, "--")


def test_a_build_step_changes_the_image(buildah: Tool, working_container: str, step: Callable[..., Answer]) -> None:
    assert step("sh", "-c", "echo $A $(id -u) > /made; cat /made").out == "b 0\n"
    assert step("cat", "/made").out == "b 0\n"
    buildah("commit", working_container, "localhost/made")
    assert "localhost/made" in buildah("images").out


def test_the_exit_code_of_a_step_is_buildahs(step: Callable[..., Answer]) -> None:
    step("sh", "-c", "exit 3", code=3)


def test_a_containerfile_is_built(buildah: Tool, program: Path, directory: Path, template: Path) -> None:
    shutil.copytree(template, directory / "context", symlinks=True)
    (directory / "context/Containerfile").write_text(
        "FROM scratch\nCOPY . /\nENV PATH=/bin\nRUN echo one > /made\nRUN echo two >> /made\nRUN cat /made\n"
    )
    isolation = ("--runtime", program, "--isolation", "oci", "--network", "none")
    answer = buildah("build", *isolation, "--tag", "localhost/built", directory / "context")
    assert "one\ntwo\n" in answer.out
