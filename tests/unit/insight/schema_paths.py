"""Every path of config.json's schema, read out of the checks that `orlop.oci.config_schema` is built of."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from orlop.oci.config_schema import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator


def schema_paths() -> list[str]:
    """Each property without the indexes of lists and the keys of maps: `process.args`, `mounts.options`."""
    return list(_walk(CONFIG, ""))


def _walk(check: Any, path: str) -> Iterator[str]:
    """The closures of field_checks: a record has its `fields`, an array its `check_item`, a map its `check_value`."""
    parts = inspect.getclosurevars(check).nonlocals if hasattr(check, "__closure__") else {}
    for name, field in parts.get("fields", {}).items():
        below = f"{path}.{name}" if path else name
        yield below
        yield from _walk(field, below)
    for item in ("check_item", "check_value"):
        if item in parts:
            yield from _walk(parts[item], path)
