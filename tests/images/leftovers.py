"""What a test's `orlop` may not leave behind: processes, in whatever mount namespace."""

from __future__ import annotations

import os
from pathlib import Path

from e2e.leftovers import processes_of
from e2e.waiting import is_alive


def helpers_of(directory: Path) -> dict[int, str]:
    """Living processes that have the directory's name in their words or environment, or see a part of it elsewhere.

    The last are the unpackers: confined, they see nothing of the host but the layer's directory, as /layer.
    """
    found = processes_of(directory.name, directory)
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) not in found and _sees(path, directory.name):
            found[int(path.name)] = "a process in a mount namespace of its own"
    found.pop(os.getpid(), None)
    return found


def _sees(process: Path, name: str) -> bool:
    """Whether a part of the directory is mounted, for the process, at a place that is not in the directory."""
    try:
        lines = (process / "mountinfo").read_text(errors="replace").splitlines()
    except OSError:  # it has ended
        return False
    places = [line.split()[3:5] for line in lines]
    return is_alive(int(process.name)) and any(f"/{name}/" in root and name not in point for root, point in places)
