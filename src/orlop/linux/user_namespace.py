"""Whether this process is in a user namespace."""

from __future__ import annotations

from pathlib import Path

_THE_FIRST = ["0", "0", "4294967295"]  # maps every id to itself


def is_in_user_namespace(uid_map: Path = Path("/proc/self/uid_map")) -> bool:
    """Whether this process is in a user namespace other than the first one."""
    try:
        return uid_map.read_text(encoding="ascii").split() != _THE_FIRST
    except FileNotFoundError:  # a kernel without user namespaces
        return False
