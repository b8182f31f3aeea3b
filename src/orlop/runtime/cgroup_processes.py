"""The processes of a container's cgroup, and ending them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def any_directory(cgroup_paths: dict[str, str]) -> str | None:
    """One directory of the container that holds all its processes; None when it has none."""
    for hierarchy in ("pids", "memory", "name=systemd", "freezer"):
        if hierarchy in cgroup_paths:
            return cgroup_paths[hierarchy]
    return next(iter(cgroup_paths.values()), None)


def process_ids(cgroup_paths: dict[str, str]) -> list[int]:
    """The pids in the container's cgroup and those below it, in ascending order."""
    directory = any_directory(cgroup_paths)
    if directory is None:
        return []
    pids: set[int] = set()
    for path in _tree(directory):
        try:
            with open(f"{path}/cgroup.procs", encoding="ascii") as file:
                pids.update(int(line) for line in file)
        except OSError:
            continue  # gone meanwhile, or a threaded cgroup
    return sorted(pids)


def remove_tree(directory: str) -> None:
    """Remove the cgroups below `directory`, deepest first; what is busy stays for the caller to meet."""
    for path in reversed(list(_tree(directory))):
        if path != directory:
            try:
                os.rmdir(path)
            except OSError:
                continue


def _tree(directory: str) -> Iterator[str]:
    yield directory
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for name in names:
        yield from _tree(f"{directory}/{name}")
