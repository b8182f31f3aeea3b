"""The machine that we run on, as a platform of images."""

from __future__ import annotations

import os

from orlop.oci.host_platform import host_platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.oci.platform import Platform

_CPUINFO_MAX_BYTES = 1 << 20  # the first processor is all that is looked at


def this_platform() -> Platform:
    """The platform of this host, with the variant that its processor and kernel have. Raises OSError without procfs."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        return host_platform(os.uname().machine, file.read(_CPUINFO_MAX_BYTES))
