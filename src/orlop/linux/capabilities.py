"""Capabilities by name and number (capabilities(7), linux/capability.h)."""

from __future__ import annotations

import posix

from orlop.errors import InvalidArgument
from orlop.oci.config_names import CAPABILITY_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBER_MAX_BYTES = 32

CAPABILITY_BITS = {name: 1 << number for number, name in enumerate(CAPABILITY_NAMES)}


def mask_of(names: Iterable[str]) -> int:
    """The bit mask of capability names.

    Raises:
        InvalidArgument: a name that is no capability.
    """
    mask = 0
    for name in names:
        bit = CAPABILITY_BITS.get(name)
        if bit is None:
            raise InvalidArgument(f'"{name}" is no capability', hint="see capabilities(7); names begin with CAP_")
        mask |= bit
    return mask


def read_capability_mask() -> int:
    """Every capability that the running kernel knows (/proc/sys/kernel/cap_last_cap)."""
    fd = posix.open("/proc/sys/kernel/cap_last_cap", posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return (1 << int(posix.read(fd, _NUMBER_MAX_BYTES)) + 1) - 1
    finally:
        posix.close(fd)
