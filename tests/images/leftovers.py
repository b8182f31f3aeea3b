"""What a test's `orlop` may not leave behind: processes, in whatever mount namespace."""

from __future__ import annotations

import os
from pathlib import Path

from e2e.leftovers import processes_of
from e2e.waiting import is_alive


def helpers_of(directory: Path) -> dict[int, str]:
    """Living processes that have the directory's name in their words or environment, or something of it mounted.

    The last are the unpackers: confined, they see nothing of the host but the layer's directory.
    """
    found = processes_of(directory.name, directory)
    own = Path("/proc/self/ns/mnt").readlink()
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) not in found:
            try:
                is_elsewhere = (path / "ns/mnt").readlink() != own
                mounts = (path / "mountinfo").read_text(errors="replace") if is_elsewhere else ""
            except OSError:  # it has ended
                continue
            if f"/{directory.name}/" in mounts and is_alive(int(path.name)):
                found[int(path.name)] = (path / "comm").read_text().strip()
    found.pop(os.getpid(), None)
    return found
