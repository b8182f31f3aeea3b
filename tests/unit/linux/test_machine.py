"""The platform of this host, by other means."""

from __future__ import annotations

import platform

from orlop.linux.machine import this_platform
from orlop.oci.platform import Platform, rank

_PYTHONS_NAMES = {"x86_64": "linux/amd64", "aarch64": "linux/arm64", "armv7l": "linux/arm/v7"}


def test_this_host_runs_what_its_name_says() -> None:
    found = this_platform()
    machine = platform.machine()
    plain = Platform.parse(_PYTHONS_NAMES.get(machine, f"linux/{machine}"), host=found)
    assert rank(plain, found) is not None
    assert found == found.normalized()
