"""The leak check: what a test may not leave behind. Looks; only `remove_cgroups` changes anything."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from .waiting import process_state

CGROUP_ROOT = Path("/sys/fs/cgroup")


def leftover_mounts(directory: Path) -> list[str]:
    """Mounts of the test's own mount namespace below the directory."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if line.split()[4].startswith(str(directory))]


def cgroups_of(token: str) -> list[Path]:
    """The cgroups whose path has the token in it, in every hierarchy, children before parents."""
    found = []
    for parent, names, _ in os.walk(CGROUP_ROOT, topdown=False):
        found += [Path(parent, name) for name in names if token in f"{parent}/{name}"]
    return found


def remove_cgroups(token: str) -> bool:
    """Remove those cgroups; False where the kernel has not let go of a process yet."""
    for cgroup in cgroups_of(token):
        try:
            _remove(cgroup)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOENT):
                raise
    return not cgroups_of(token)


def _remove(cgroup: Path) -> None:
    try:
        cgroup.rmdir()
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        shutil.rmtree(cgroup)  # no cgroup: a directory that crun made on the tmpfs above them


def processes_of(token: str, directory: Path) -> dict[int, str]:
    """Live processes that belong to the test: by environment, command line, cgroup, or root directory."""
    found = {}
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        if pid != os.getpid() and _belongs(pid, token, directory) and process_state(pid) not in ("", "Z", "X"):
            found[pid] = _read(pid, "cmdline").replace("\0", " ")
    return found


def _belongs(pid: int, token: str, directory: Path) -> bool:
    if any(token in _read(pid, name) for name in ("environ", "cmdline", "cgroup")):
        return True
    try:
        return Path(f"/proc/{pid}/root").readlink().is_relative_to(directory)
    except OSError:
        return False


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
