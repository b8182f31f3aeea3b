"""Labels as they are kept: their rules, how a change is applied, and their form in a row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orlop.content.labels import check_labels

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked_labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    """A copy of the labels; none for None.

    Raises:
        InvalidArgument: a key is empty, or key and value are too long together.
    """
    check_labels(labels or {})
    return dict(labels or {})


def changed_labels(labels: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The labels after some changes; None removes one.

    Raises:
        InvalidArgument: as `checked_labels`.
    """
    new = checked_labels({key: value for key, value in changes.items() if value is not None})
    return {key: value for key, value in labels.items() if key not in changes} | new


def encoded_labels(labels: Mapping[str, str]) -> str:
    """Their form in a row."""
    return json.dumps(labels, ensure_ascii=False, separators=(",", ":"), sort_keys=True) if labels else "{}"


def decoded_labels(text: str) -> dict[str, str]:
    """The labels of a row, which this module wrote."""
    labels: dict[str, str] = {} if text == "{}" else json.loads(text)
    return labels
