"""Id maps of user namespaces (user_namespaces(7))."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def id_map_text(mappings: Iterable[dict[str, Any]]) -> str:
    """The text for uid_map or gid_map: a line of container id, host id and size for each mapping."""
    return "".join(f"{entry['containerID']} {entry['hostID']} {entry['size']}\n" for entry in mappings)
