"""What tests need of a machine: the markers `needs_...`, and how a missing thing is told; the runtime under test.

A test that needs what is not there is skipped, and the skip names it. Where `CI` is set such a skip is a failure,
because nobody reads the skips of a green run; `ORLOP_MAY_SKIP` lists the markers that CI's machine is known not to
satisfy.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_REPOSITORY = Path(__file__).resolve().parents[1]
_MARKERS = ("needs_root", "needs_cgroup_v1", "needs_cgroup_v2", "needs_userns", "needs_peer", "needs_vm")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of the tests that make containers."""
    parser.addoption("--runtime", help="OCI runtime to test (default: .venv/bin/orun of this repository)")


@pytest.fixture(scope="session")
def program(request: pytest.FixtureRequest) -> Path:
    """The runtime under test."""
    path = Path(request.config.getoption("--runtime") or _REPOSITORY / ".venv/bin/orun")
    assert path.exists(), f"{path} does not exist; run `make build`, or give --runtime PATH"
    assert os.geteuid() == 0, "the tests that make containers need root"
    return path.absolute()


@pytest.fixture(scope="session", autouse=True)
def _no_mount_is_left(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """A mount that a test leaves below its directory would keep that from being removed, and hold devices and files."""
    yield
    below = f"{tmp_path_factory.getbasetemp()}/"
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    left = [mount for mount in (line.split()[4] for line in lines) if mount.startswith(below)]
    assert not left, f"mounts that tests left: {left}"


@pytest.fixture(scope="session", autouse=True)
def _signals_of_a_login() -> None:
    """What pytest was started with, every program of a test would inherit, and no shell can trap a signal again then.

    A job in the background of a script ignores SIGINT and SIGQUIT, one of nohup SIGHUP. A handler is not inherited; one
    that does nothing leaves it to the caller whether pytest itself ends by them.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def _umask_of_a_login() -> Generator[None]:
    """Every test begins with umask 022: what runs in this process, such as a planner, may have another."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _missing_root() -> str | None:
    return None if os.geteuid() == 0 else "not root"


def _missing_cgroup_v1() -> str | None:
    is_there = " - cgroup " in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return None if is_there else "no cgroup v1 hierarchy"


def _missing_cgroup_v2() -> str | None:
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        controllers = Path(left.split()[4]) / "cgroup.controllers"  # not there when something is mounted over it
        is_there = right.startswith("cgroup2 ") and controllers.exists()
        if is_there and "memory" in controllers.read_text("ascii").split():
            return None
    return "no cgroup v2 hierarchy with a memory controller"


def _missing_userns() -> str | None:
    limit = Path("/proc/sys/user/max_user_namespaces")
    if not Path("/proc/self/ns/user").exists() or not limit.exists():
        return "the kernel has no user namespaces"
    return None if int(limit.read_text("ascii")) > 0 else f"{limit} is 0"


def _missing_vm() -> str | None:
    if platform.machine() != "x86_64":
        return "only x86-64 machines boot another kernel here"
    if not (_REPOSITORY / "build/vm/kernel").exists():
        return "no kernel to boot; make setup gets one"
    return _missing_peer("qemu-system-x86_64")


def _missing_peer(name: str) -> str | None:
    return None if shutil.which(name) else f"{name} is not installed"


def _missing(mark: pytest.Mark) -> str | None:
    """Why a marker's need is not satisfied, or None."""
    checks: dict[str, Callable[..., str | None]] = {
        "needs_root": _missing_root,
        "needs_cgroup_v1": _missing_cgroup_v1,
        "needs_cgroup_v2": _missing_cgroup_v2,
        "needs_userns": _missing_userns,
        "needs_peer": _missing_peer,
        "needs_vm": _missing_vm,
    }
    return checks[mark.name](*mark.args)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose needs are not satisfied."""
    for mark in item.iter_markers():
        if mark.name in _MARKERS:
            reason = _missing(mark)
            if reason is not None:
                pytest.skip(f"{mark.name}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test that needs something into a failure, where CI is set."""
    report = yield
    if not report.skipped or not os.environ.get("CI") or not isinstance(report.longrepr, tuple):
        return report
    reason = report.longrepr[2].removeprefix("Skipped: ")
    name = reason.split(":", 1)[0].replace(" ", "_")  # a fixture may say "needs root" in words
    if name.startswith("needs_") and name not in os.environ.get("ORLOP_MAY_SKIP", "").split():
        report.outcome = "failed"
        report.longrepr = f"skipped where CI is set, which is a failure: {reason}"
    return report
