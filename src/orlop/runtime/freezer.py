"""Pausing: the freezer of cgroup v1 and cgroup.freeze of v2, by the directories of a container."""

from __future__ import annotations

import time

from orlop.errors import FailedPrecondition, KernelError

_TIMEOUT_S = 10.0
_POLL_S = 0.001


def is_frozen(cgroup_paths: dict[str, str]) -> bool:
    """Whether the container's own cgroup is frozen, or on its way there."""
    if "freezer" in cgroup_paths:
        return _read(f"{cgroup_paths['freezer']}/freezer.state").strip() in ("FROZEN", "FREEZING")
    if "" in cgroup_paths:
        return _read(f"{cgroup_paths['']}/cgroup.freeze").strip() == "1"
    return False


def set_frozen(cgroup_paths: dict[str, str], *, frozen: bool) -> None:
    """Freeze or thaw, and wait until the kernel has done it.

    Raises:
        FailedPrecondition: the host has no freezer.
        KernelError: it did not happen within 10 s; the container is thawed again then.
    """
    if "freezer" in cgroup_paths:
        file, value = f"{cgroup_paths['freezer']}/freezer.state", "FROZEN" if frozen else "THAWED"
    elif "" in cgroup_paths:
        file, value = f"{cgroup_paths['']}/cgroup.freeze", "1" if frozen else "0"
    else:
        raise FailedPrecondition("this host has no cgroup freezer", hint="mount cgroup v2, or the v1 freezer")
    deadline = time.monotonic() + _TIMEOUT_S
    _write(file, value)
    while not _is_settled(cgroup_paths, frozen=frozen):
        if time.monotonic() > deadline:
            _write(file, "THAWED" if "freezer" in cgroup_paths else "0")
            raise KernelError(f'write {file}: "{value}": not done within {_TIMEOUT_S:.0f} s')
        time.sleep(_POLL_S)
        if "freezer" in cgroup_paths:
            _write(file, value)  # v1 can miss a process that was just forked: asking again catches it


def _is_settled(cgroup_paths: dict[str, str], *, frozen: bool) -> bool:
    if "freezer" in cgroup_paths:
        return _read(f"{cgroup_paths['freezer']}/freezer.state").strip() == ("FROZEN" if frozen else "THAWED")
    events = _read(f"{cgroup_paths['']}/cgroup.events")
    return ("frozen 1" in events) == frozen


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, value: str) -> None:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(value)
    except OSError as error:
        raise KernelError(f'write {path}: "{value}": {error.strerror}') from error
