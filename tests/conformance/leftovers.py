"""The cgroups that the suite's containers are put below, and that no runtime removes: parents of a container's own."""

from __future__ import annotations

import contextlib
from pathlib import Path

# Absolute and relative names of the suite, the innermost first.
_NAMES = ("cgrouptest", "testdir/cgrouptest", "testdir")


def remove_cgroups(hierarchies: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> None:
    """Remove those that are empty, below the root and below our own cgroup: in use by others they stay."""
    paths = {line.split(":", 2)[2].strip("/") for line in own.read_text(encoding="utf-8").splitlines()}
    for hierarchy in hierarchies.iterdir():
        for base in {"", *paths}:
            for name in _NAMES:
                with contextlib.suppress(OSError):
                    (hierarchy / base / name).rmdir()
