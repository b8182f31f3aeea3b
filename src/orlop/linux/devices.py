"""The devices of every container, and the device rules of every container (config-linux.md, "Default Devices")."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_DEVICES: tuple[dict[str, Any], ...] = tuple(
    {"path": f"/dev/{name}", "type": "c", "major": major, "minor": minor, "fileMode": 0o666}
    for name, major, minor in (
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
    )
)

_RULES = (
    ("c", -1, -1, "m"),  # making any node is allowed; using it is not
    ("b", -1, -1, "m"),
    ("c", 1, 3, "rwm"),
    ("c", 1, 8, "rwm"),
    ("c", 1, 7, "rwm"),
    ("c", 5, 0, "rwm"),
    ("c", 1, 5, "rwm"),
    ("c", 1, 9, "rwm"),
    ("c", 136, -1, "rwm"),  # Unix98 pseudoterminals
    ("c", 5, 2, "rwm"),  # ptmx
    ("c", 10, 200, "rwm"),  # /dev/net/tun: runc 1.2 took it away, and gave it back
)


def default_device_rules() -> list[dict[str, Any]]:
    """The device rules that follow those of the configuration, the same as runc's."""
    return [
        {"allow": True, "type": kind, "major": major, "minor": minor, "access": access}
        for kind, major, minor, access in _RULES
    ]
