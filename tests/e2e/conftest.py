"""Fixtures of the end-to-end tests: the runtime, containers, and the check that nothing stays behind."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .bundle import Bundle, make_template
from .container import Container
from .leftovers import cgroups_of, leftover_mounts, processes_of
from .orphans import become_subreaper, collect
from .resident_planner import ResidentPlanner
from .runtime import Runtime
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cold_only(reason): about the planner that each command starts for itself")
    config.addinivalue_line("markers", "orun_only(reason): a rule that an established runtime does not keep")


@pytest.fixture(scope="session")
def is_orun(program: Path) -> bool:
    """Whether the runtime under test is ours."""
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout
    return version.startswith("orun")


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """A directory with a short path (sockets go into it) that every user may enter (user namespaces)."""
    directory = Path(tempfile.mkdtemp(prefix="e2e-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def template(base: Path) -> Path:
    """The root file system that bundles are copied from."""
    return make_template(base / "template")


@pytest.fixture(scope="session", autouse=True)
def _subreaper() -> None:
    """Be what a shim is: the parent of each init once its runtime has exited."""
    become_subreaper()


@pytest.fixture(autouse=True)
def _only_orun(request: pytest.FixtureRequest) -> None:
    mark = request.node.get_closest_marker("orun_only")
    if mark is not None and not request.getfixturevalue("is_orun"):
        pytest.skip(f"only orun: {mark.args[0]}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of our own runtime runs twice: with a planner of each command's own, and with a resident one."""
    if "planning" in metafunc.fixturenames:
        is_peer = metafunc.config.getoption("--runtime", default=None) is not None
        is_cold = metafunc.definition.get_closest_marker("cold_only") is not None
        ways = ["peer"] if is_peer else ["cold"] if is_cold else ["cold", "warm"]
        metafunc.parametrize("planning", ways, scope="session")


@pytest.fixture(scope="session")
def planner(planning: str, program: Path, base: Path) -> Iterator[str]:
    """What ORUN_PLANNER is: `cold`, or the socket of a resident planner that serves the whole session."""
    if planning != "warm":
        yield "cold"
        return
    with ResidentPlanner(program, base / "planner.sock") as resident:
        yield str(resident.socket)
        assert resident.accepted() > 0


@pytest.fixture
def token() -> str:
    """A word that nothing else on this machine has in its name."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def directory(base: Path, token: str) -> Iterator[Path]:
    """The test's own directory."""
    path = base / token
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def runtime(program: Path, directory: Path, token: str, planner: str) -> Iterator[Runtime]:
    """The runtime with a --root of the test's own. Afterwards nothing may be left of any container."""
    runtime = Runtime(program, directory, token=token, planner=planner)
    yield runtime
    runtime.end_calls()
    for container in runtime.list():
        runtime.call("delete", "--force", container["id"]).check()
    runtime.leave_mount_namespace()
    _check_nothing_is_left(runtime)


def _check_nothing_is_left(runtime: Runtime) -> None:
    token, directory = runtime.token, runtime.directory
    left = directory / "root"

    def nothing_runs() -> bool:
        collect()
        return not processes_of(token, directory)

    try:
        wait_until(nothing_runs, "the end of the test's processes", deadline_s=5)
        wait_until(lambda: not cgroups_of(token), "the end of the test's cgroups", deadline_s=2)
    except AssertionError:
        processes, cgroups = processes_of(token, directory), cgroups_of(token)
        for pid in processes:
            os.kill(pid, 9)
        for cgroup in cgroups:
            cgroup.rmdir()
        raise AssertionError(f"left behind: processes {processes}, cgroups {cgroups}") from None
    assert leftover_mounts(directory) == []
    assert [entry.name for entry in left.iterdir() if not entry.name.startswith(".")] == [] if left.exists() else True


@pytest.fixture
def new_container(runtime: Runtime, directory: Path, template: Path, token: str) -> Callable[[], Container]:
    """Makes containers, each with a bundle and an id of its own."""
    numbers = itertools.count(1)

    def make() -> Container:
        container_id = f"{token}-{next(numbers)}"
        bundle = Bundle(directory / f"bundle-{container_id}", template, hostname="box", env=[f"E2E_TOKEN={token}"])
        return Container(runtime, bundle, container_id)

    return make


@pytest.fixture
def container(new_container: Callable[[], Container]) -> Container:
    """A container with a bundle of its own, not yet created."""
    return new_container()
