"""The files of a container's cgroups on this host: of v1 controllers, or of the unified hierarchy where that is all."""

from __future__ import annotations

from pathlib import Path

import pytest

CGROUP_ROOT = Path("/sys/fs/cgroup")


def cgroup_of(pid: int, controller: str) -> Path:
    """The directory of the v1 cgroup that a process is in. Skips the test where cgroup v2 is all that there is."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(",") or names == f"name={controller}":
            return CGROUP_ROOT / controller / path.lstrip("/")
    if (CGROUP_ROOT / "cgroup.controllers").exists():
        pytest.skip("needs_cgroup_v1: cgroup v2 is all that there is")
    raise AssertionError(f"process {pid} is in no cgroup of {controller}")


def read_cgroup(pid: int, controller: str, file: str) -> str:
    """A file of that directory, without its newline."""
    return (cgroup_of(pid, controller) / file).read_text().strip()


def unified_cgroup_of(pid: int) -> Path:
    """The directory of the v2 cgroup that a process is in, on a host whose only hierarchy that is."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, _, path = line.split(":", 2)
        if number == "0":
            return CGROUP_ROOT / path.lstrip("/")
    raise AssertionError(f"process {pid} is in no unified cgroup")
