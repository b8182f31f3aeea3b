"""Fixtures of the end-to-end tests: the runtime, containers, and the check that nothing stays behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import waiting
from .bundle import Bundle, make_template
from .container import Container
from .difference import Difference, difference_of, expect, judge_leftovers
from .differences import DIFFERENCES
from .leftovers import cgroups_of, leftover_mounts, processes_of, remove_cgroups
from .orphans import become_subreaper, collect
from .peers import enter_cgroup1_view, name_of, needs_another_view
from .resident_planner import ResidentPlanner
from .runtime import Runtime
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_HERE = Path(__file__).resolve().parent
_REPOSITORY = _HERE.parents[1]
_DIFFERENCE = pytest.StashKey[Difference]()
_IN_VAIN_S = 1.5
_PERHAPS_IN_VAIN_S = 20


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cold_only(reason): about the planner that each command starts for itself")
    config.addinivalue_line("markers", "orun_only(reason): a rule that an established runtime does not keep")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Go on in a view of cgroups that the runtime under test takes."""
    program = _program(config)
    if program.exists() and needs_another_view(program):
        config.pluginmanager.getplugin("capturemanager").stop_global_capturing()
        enter_cgroup1_view(config.invocation_params.args)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Expect of a peer what is listed as its difference; what only we have is not asked of it."""
    name = name_of(_program(config)) if _program(config).exists() else "orun"
    ours = [item for item in items if name != "orun" and item.get_closest_marker("orun_only") is not None]
    if ours:
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]
    listed = DIFFERENCES.get(name, ())
    for item in items:
        difference = difference_of(item, listed) if item.path.parent == _HERE else None
        if difference is not None:
            item.stash[_DIFFERENCE] = difference
            expect(item, difference)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge what a test left behind that is listed for leaving something."""
    report = yield
    difference = item.stash.get(_DIFFERENCE, None)
    if difference is not None and difference.leaves:
        judge_leftovers(report, difference)
    return report


def _program(config: pytest.Config) -> Path:
    return Path(config.getoption("--runtime", default=None) or _REPOSITORY / ".venv/bin/orun")


@pytest.fixture(scope="session")
def is_orun(program: Path) -> bool:
    """Whether the runtime under test is ours."""
    return name_of(program) == "orun"


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
def _impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for what a peer is known not to do, or not to do at times."""
    difference = request.node.stash.get(_DIFFERENCE, None)
    if difference is not None:
        is_sure = not difference.leaves and not difference.varies
        monkeypatch.setattr(waiting, "longest_s", _IN_VAIN_S if is_sure else _PERHAPS_IN_VAIN_S)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of our own runtime runs twice: with a planner of each command's own, and with a resident one."""
    if "planning" in metafunc.fixturenames and metafunc.config.getoption("--runtime", default=None) is None:
        is_cold = metafunc.definition.get_closest_marker("cold_only") is not None
        metafunc.parametrize("planning", ["cold"] if is_cold else ["cold", "warm"], scope="session")


@pytest.fixture(scope="session")
def planning() -> str:
    """Which planner answers: `cold` or `warm` (parametrized above), or a peer's way, which is none of ours."""
    return "peer"


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
def runtime(program: Path, directory: Path, token: str, planner: str, is_orun: bool) -> Iterator[Runtime]:
    """The runtime with a --root of the test's own. Afterwards nothing may be left of any container."""
    runtime = Runtime(program, directory, token=token, is_orun=is_orun, planner=planner)
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
        wait_until(nothing_runs, "the end of the test's processes")
        wait_until(lambda: not cgroups_of(token), "the end of the test's cgroups")
    except AssertionError:
        processes, cgroups = processes_of(token, directory), cgroups_of(token)
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(nothing_runs, "the end of the processes that were left")
        wait_until(lambda: remove_cgroups(token), "the removal of the cgroups that were left")
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
