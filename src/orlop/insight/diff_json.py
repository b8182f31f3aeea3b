"""A difference as JSON. The form is documented in docs/explain.md, and `format` grows when it changes."""

from __future__ import annotations

from orlop.oci.json_codec import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.insight.change import Change
    from orlop.insight.diff import Difference

FORMAT = 1


def diff_json(difference: Difference, old: str, new: str) -> str:
    """The document, indented. `old` and `new` name the two configurations."""
    document = {
        "format": FORMAT,
        "old": old,
        "new": new,
        "security": [{**_values(one), "verdict": one.verdict, "meaning": one.words} for one in difference.security],
        "other": [_values(one) for one in difference.other],
    }
    return encode(document, indent=2) + "\n"


def _values(change: Change) -> dict[str, Any]:
    return {"field": change.field, "old": change.old, "new": change.new}
