"""Where `make peers` put what it built."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts/peers"


def built_peer(name: str) -> Path:
    """The directory with the peer's programs; the test is skipped where it was not built."""
    listed = subprocess.run([_SCRIPT, "--list"], capture_output=True, text=True, check=True, timeout=300).stdout
    for line in listed.splitlines():
        found, *programs = line.split()
        if found == name:
            return Path(programs[0]).parent
    pytest.skip(f"needs_built_peer: {name} is not built; make peers PEERS={name}")
