"""Threat B: a file descriptor or working directory of the host reaches the container (CVE-2024-21626)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .container import Container
    from .runtime import Outcome

_MARK = "of the host"


@pytest.fixture
def host_fd(directory: Path) -> Iterator[int]:
    """An fd of a directory on the host with a secret and a program in it, which the caller leaks."""
    place = directory / "host"
    place.mkdir()
    (place / "secret").write_text(_MARK)
    (place / "program").write_text(f"#!/bin/sh\necho {_MARK}\n")
    (place / "program").chmod(0o755)
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_threat_b_cwd_through_leaked_fd_is_refused(container: Container, host_fd: int) -> None:
    container.config["process"]["cwd"] = f"/proc/self/fd/{host_fd}"
    outcome = container.run("cat", "secret", pass_fds=(host_fd,))
    assert outcome.code != 0
    assert _MARK not in outcome.out
    assert not container.exists()


def _is_inside(container: Container, outcome: Outcome) -> bool:
    """Whether a listing of the topmost directory that could be reached is of the container's root."""
    return outcome.code != 0 or set(outcome.lines) == {entry.name for entry in container.rootfs.iterdir()}


@pytest.mark.parametrize("number", range(3, 14))
def test_threat_b_cwd_through_an_fd_of_the_runtime_stays_inside(container: Container, number: int) -> None:
    container.config["process"]["cwd"] = f"/proc/self/fd/{number}"
    assert _is_inside(container, container.run("ls", "../../../../../../../.."))


def test_threat_b_cwd_through_a_link_to_a_leaked_fd_is_refused(container: Container, host_fd: int) -> None:
    (container.rootfs / "work").symlink_to(f"/proc/self/fd/{host_fd}")
    container.config["process"]["cwd"] = "/work"
    outcome = container.run("cat", "secret", pass_fds=(host_fd,))
    assert outcome.code != 0
    assert _MARK not in outcome.out


def test_threat_b_cwd_of_exec_through_leaked_fd_is_refused(container: Container, host_fd: int) -> None:
    container.run_detached()
    outcome = container.exec("cat", "secret", flags=("--cwd", f"/proc/self/fd/{host_fd}"), pass_fds=(host_fd,))
    assert outcome.code != 0
    assert _MARK not in outcome.out


@pytest.mark.parametrize("number", range(3, 14))
def test_threat_b_cwd_of_exec_through_an_fd_of_the_runtime_stays_inside(container: Container, number: int) -> None:
    container.run_detached()
    outcome = container.exec("ls", "../../../../../../../..", flags=("--cwd", f"/proc/self/fd/{number}"))
    assert _is_inside(container, outcome)


def test_threat_b_cwd_through_a_preserved_fd_is_refused(container: Container, host_fd: int) -> None:
    container.config["process"]["cwd"] = f"/proc/self/fd/{host_fd}"
    flags = ("--preserve-fds", str(host_fd - 2))
    outcome = container.run("cat", "secret", flags=flags, pass_fds=tuple(range(3, host_fd + 1)))
    assert outcome.code != 0
    assert _MARK not in outcome.out


def test_threat_b_a_program_through_leaked_fd_is_refused(container: Container, host_fd: int) -> None:
    outcome = container.run(f"/proc/self/fd/{host_fd}/program", pass_fds=(host_fd,))
    assert outcome.code != 0
    assert _MARK not in outcome.out


def test_threat_b_leaked_fds_are_closed_for_run(container: Container, host_fd: int) -> None:
    outcome = container.run("ls", "-l", "/proc/self/fd", pass_fds=(host_fd,)).check()
    assert "/host" not in outcome.out
    assert len(outcome.lines) == 5  # "total", three streams, the directory that ls reads


def test_threat_b_leaked_fds_are_closed_for_exec(container: Container, host_fd: int) -> None:
    container.run_detached()
    outcome = container.exec("ls", "-l", "/proc/self/fd", pass_fds=(host_fd,)).check()
    assert "/host" not in outcome.out
    assert len(outcome.lines) == 5


def test_threat_b_leaked_fds_are_closed_for_hooks(container: Container, host_fd: int, directory: Path) -> None:
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"ls -l /proc/self/fd > {directory}/fds"]}
    container.config["hooks"] = {"createRuntime": [hook]}
    container.create(pass_fds=(host_fd,)).check()
    assert "/host" not in (directory / "fds").read_text()
