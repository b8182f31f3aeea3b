"""What of this machine decides whether a difference of a peer shows."""

from __future__ import annotations

from pathlib import Path

_CAP_SYS_RESOURCE = 24


def lacks_sys_resource() -> bool:
    """Whether this process may not raise hard limits."""
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    return not effective >> _CAP_SYS_RESOURCE & 1


def is_below_the_root_cgroup() -> bool:
    """Whether the memory cgroup of this process is another one than the root of its hierarchy."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return not any(":memory:" in line and line.endswith(":/") for line in lines)
