"""Every field of config.json, and whether orun honours it: read off the schema that orun itself checks with.

A schema is made of closures (`orlop.oci.field_checks`), and what they close over is what they check. The text of a
refusal is not written here: the check is asked.
"""

from __future__ import annotations

import copy
import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orlop.errors import NotImplementedFeature
from orlop.oci.config import SOURCE, load_config
from orlop.oci.config_schema import CONFIG
from orlop.oci.field_checks import Context, ignored, not_yet, not_yet_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.oci.field_checks import Check

FILE = Path(__file__).with_name("fields.json")
_MINIMAL = {"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "process": {"args": ["true"], "cwd": "/"}}


@dataclass(frozen=True)
class Field:
    """One property. `answer` is what orun says to it when it refuses it, else ""."""

    path: str
    is_supported: bool
    answer: str = ""


def all_fields() -> list[Field]:
    """The fields of config.json in the schema's order, without those that only hold others."""
    return list(_fields(CONFIG, ""))


def _fields(check: Check, path: str) -> Iterator[Field]:
    closed_over = inspect.getclosurevars(check).nonlocals
    if "fields" in closed_over:
        for name, inner in closed_over["fields"].items():
            yield from _fields(inner, f"{path}.{name}" if path else name)
    elif "check_item" in closed_over:
        yield from _fields(closed_over["check_item"], f"{path}[]")
    elif "check_value" in closed_over:
        yield from _fields(closed_over["check_value"], f"{path}.*")
    elif check is not ignored:
        is_supported = check not in (not_yet, not_yet_by_name)
        yield Field(path, is_supported, "" if is_supported else _answer(check, path))


def _answer(check: Check, path: str) -> str:
    try:
        check(1, path, Context(SOURCE))
    except NotImplementedFeature as error:
        return str(error)
    raise ValueError(f"{path}: is not refused")


@dataclass(frozen=True)
class Notes:
    """fields.json: why a field is not supported yet, which values of supported ones are not, what else to know."""

    later: Mapping[str, str]
    values: tuple[Mapping[str, Any], ...]
    notes: Mapping[str, str]


def load_notes(text: str) -> Notes:
    """The notes that a file has."""
    data = json.loads(text)
    return Notes(data["later"], tuple(data["values"]), data["notes"])


def refusal(sample: Mapping[str, Any]) -> str:
    """What orun says to a small configuration to which `sample` is added.

    Raises:
        ValueError: it is not refused as something that is not supported.
    """
    config = copy.deepcopy(_MINIMAL)
    _merge(config, sample)
    try:
        load_config(json.dumps(config))
    except NotImplementedFeature as error:
        return str(error)
    raise ValueError(f"{sample}: is not refused")


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def table(fields: list[Field], notes: Notes) -> list[str]:
    """The table of all fields, in Markdown."""
    lines = ["| field | | |", "| --- | --- | --- |"]
    for field in fields:
        if not field.is_supported:
            text = f"`{_without_hint(field.answer)}`; {notes.later[field.path]}"
            lines.append(f"| `{field.path}` | an error | {text} |")
            continue
        lines.append(f"| `{field.path}` | supported | {notes.notes.get(field.path, '')} |")
        for value in notes.values:
            if value["field"] == field.path:
                answer = _without_hint(refusal(value["sample"]))
                lines.append(f"| `{field.path}`: {value['value']} | an error | `{answer}`; {value['why']} |")
    return lines


def _without_hint(answer: str) -> str:
    return answer.rpartition("; ")[0] or answer
