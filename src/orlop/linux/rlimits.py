"""Resource limits by name (getrlimit(2))."""

from __future__ import annotations

from orlop.oci.config_names import RLIMIT_NAMES

RLIMIT_NUMBERS = {name: number for number, name in enumerate(RLIMIT_NAMES)}
