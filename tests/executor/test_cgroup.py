"""Cgroups: joining one without a lock, killing and removing one. On a version 1 hierarchy of the host's."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from plan_file import CLONE_NEWNS, MS_PRIVATE, MS_REC, O_DIRECTORY, O_PATH, Executor, execute, new_plan
from waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

_O_WRONLY = 1


def _mount_points() -> list[Path]:
    found = [
        Path(line.split()[1])
        for line in Path("/proc/mounts").read_text().splitlines()
        if line.split()[2].startswith("cgroup")
    ]
    return [
        path for path in found if path.name in ("pids", "freezer", "unified") or (path / "cgroup.controllers").exists()
    ]


@pytest.fixture
def cgroup() -> Iterator[Path]:
    points = _mount_points()
    if not points:
        pytest.skip("needs a cgroup hierarchy")
    path = points[0] / f"orlop-test-{os.getpid()}"
    path.mkdir()
    yield path
    for directory in (path / "below", path):
        if directory.exists():
            directory.rmdir()


def test_a_child_moves_itself(executor: Executor, cgroup: Path) -> None:
    plan = new_plan()
    file = "tasks" if (cgroup / "tasks").exists() else "cgroup.procs"
    plan.outer.add("open", fd=0, s0=str(cgroup / file), n0=_O_WRONLY)
    plan.outer.add("clone")
    plan.inner.add("write_slot", fd=0, blob=b"0")
    plan.inner.add("sigmask")
    execute(plan.inner, ["/bin/cat", "/proc/self/cgroup"])
    plan.outer.add("wait_exec")
    plan.outer.add("supervise")
    plan.outer.add("rmdir", s0=str(cgroup), n0=5000)
    outcome = executor.run(plan).assert_success()
    assert cgroup.name in outcome.stdout
    assert not cgroup.exists()


def test_kill_cgroup_ends_everything_below(executor: Executor, cgroup: Path) -> None:
    (cgroup / "below").mkdir()
    victims = [subprocess.Popen(["/bin/sleep", "1000"]) for _ in range(4)]
    for index, victim in enumerate(victims):
        (cgroup / ("below" if index % 2 else ".") / "cgroup.procs").write_text(str(victim.pid))
    process = executor.start(_kill_plan(cgroup))
    assert [victim.wait(DEADLINE_S) for victim in victims] == [-9] * 4
    assert process.wait(DEADLINE_S) == 0
    assert not cgroup.exists()


def _kill_plan(cgroup: Path) -> bytes:
    plan = new_plan()
    plan.outer.add("kill_cgroup", s0=str(cgroup), n0=10_000)
    plan.outer.add("rmdir", s0=str(cgroup / "below"), n0=5000)
    plan.outer.add("rmdir", s0=str(cgroup), n0=5000)
    plan.outer.add("kill_cgroup", s0=str(cgroup), n0=0)  # gone: success
    plan.outer.add("rmdir", s0=str(cgroup))
    return plan.encode()


def test_a_refused_write_names_its_file(executor: Executor, cgroup: Path) -> None:
    plan = new_plan()
    plan.outer.add("write", s0=str(cgroup / "cgroup.procs"), blob=b"banana")
    failure = executor.run(plan).failure()
    assert (failure.errno, failure.detail) == ("EINVAL", str(cgroup / "cgroup.procs"))


def _bpf(*rows: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<BBhi", code, 0, 0, value) for code, value in rows)


_ALLOW = _bpf((0xB7, 1), (0x95, 0))  # r0 = 1; exit
_DENY = _bpf((0xB7, 0), (0x95, 0))


def test_clone_into_a_version_2_cgroup_with_a_device_filter(executor: Executor, tmp_path: Path) -> None:
    name = f"orlop-test-{os.getpid()}"
    place = tmp_path / "cgroup"
    place.mkdir()
    plan = new_plan()
    plan.outer.add("unshare", n0=CLONE_NEWNS)
    plan.outer.add("propagation", s0="/", n0=MS_REC | MS_PRIVATE)
    plan.outer.add("new_mount", fd=0, s0="cgroup2", s1="cgroup2")
    plan.outer.add("open", fd=1, s0=str(place), n0=O_PATH | O_DIRECTORY)
    plan.outer.add("move_mount", fd=0, at=1)
    plan.outer.add("mkdir", s0=f"{place}/{name}", n0=0o755)
    plan.outer.add("open", fd=2, s0=f"{place}/{name}", n0=O_DIRECTORY)
    plan.outer.add("device_filter", fd=2, blob=_DENY)
    plan.outer.add("device_filter", fd=2, blob=_ALLOW)  # replaces the first: both would have to allow
    plan.outer.add("device_filter", fd=2, blob=_DENY)
    plan.outer.add("clone", fd=2)
    plan.inner.add("sigmask")
    execute(
        plan.inner,
        ["/bin/sh", "-c", "grep ^0:: /proc/self/cgroup; head -c1 /dev/zero 2>/dev/full; exit 3"],
        ["PATH=/bin:/usr/bin"],
    )
    plan.outer.add("wait_exec")
    plan.outer.add("supervise")
    plan.outer.add("kill_cgroup", s0=f"{place}/{name}", n0=5000)
    plan.outer.add("rmdir", s0=f"{place}/{name}", n0=5000)
    outcome = executor.run(plan)
    if (outcome.code, outcome.records()[0].op if outcome.records() else "") == (1, "new_mount"):
        pytest.skip("needs cgroup version 2")
    assert (outcome.code, outcome.stdout) == (3, f"0::/{name}\n")
    assert "/dev/full: Operation not permitted" in outcome.stderr
