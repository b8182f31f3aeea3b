"""Capabilities by name and number (capabilities(7), linux/capability.h)."""

from __future__ import annotations

import posix

from orlop.oci.config_names import CAPABILITY_NAMES

_NUMBER_MAX_BYTES = 32

CAPABILITY_BITS = {name: 1 << number for number, name in enumerate(CAPABILITY_NAMES)}


def read_capability_mask() -> int:
    """Every capability that the running kernel knows (/proc/sys/kernel/cap_last_cap)."""
    fd = posix.open("/proc/sys/kernel/cap_last_cap", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return (1 << int(posix.read(fd, _NUMBER_MAX_BYTES)) + 1) - 1
    finally:
        posix.close(fd)
