"""The difference as JSON: the form that docs/explain.md documents."""

from __future__ import annotations

import json

from orlop.insight.change import CHANGED, WEAKER, Change
from orlop.insight.diff import Difference
from orlop.insight.diff_json import diff_json


def test_the_document() -> None:
    difference = Difference(
        [Change("root.readonly", WEAKER, "read-only", "writable", "It can be changed.")],
        [Change("hostname", CHANGED, None, "b")],
    )
    assert json.loads(diff_json(difference, "/a/config.json", "/b/config.json")) == {
        "format": 1,
        "old": "/a/config.json",
        "new": "/b/config.json",
        "security": [
            {
                "field": "root.readonly",
                "old": "read-only",
                "new": "writable",
                "verdict": "weaker",
                "meaning": "It can be changed.",
            }
        ],
        "other": [{"field": "hostname", "old": None, "new": "b"}],
    }
