"""An explanation as JSON. The form is documented in docs/explain.md, and `format` grows when it changes."""

from __future__ import annotations

from orlop.insight.operation_words import OPERATION_WORDS
from orlop.oci.json_codec import encode
from orlop.plan.operation_table import BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.insight.explain import Entry, Explanation, Operation

FORMAT = 1


def explain_json(explanation: Explanation) -> str:
    """The document, indented."""
    used = {operation.name for operation, _ in explanation.operations}
    document = {
        "format": FORMAT,
        "cgroups": explanation.cgroup_mode,
        "fields": [_entry(entry) for entry in explanation.entries],
        "runtime": [_entry(entry) for entry in explanation.runtime],
        "notSet": [{"field": one.field, "effect": one.effect, "meaning": one.words} for one in explanation.not_set],
        "warnings": explanation.warnings,
        "operations": {
            name: {"call": row.call, "meaning": OPERATION_WORDS[name]} for name, row in BY_NAME.items() if name in used
        },
    }
    return encode(document, indent=2) + "\n"


def _entry(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = {"field": entry.field, "isSet": entry.is_set, "value": entry.value}
    document["mechanism"] = entry.mechanism
    document["meaning"] = entry.words
    document["properties"] = [{"name": name, "meaning": words} for name, words in entry.parts]
    document["notes"] = entry.notes
    document["operations"] = [_operation(one) for one in entry.operations]
    return document


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "section": operation.section,
        "index": operation.index,
        "operation": operation.name,
        "text": operation.text,
    }
