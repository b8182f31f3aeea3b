"""The explanation as JSON: the form that docs/explain.md documents."""

from __future__ import annotations

import json
from typing import Any

from orlop.insight.explain import explain
from orlop.insight.explain_json import explain_json

from .plans import checked, compiled, default_config, full_config


def _document(config: dict[str, Any]) -> dict[str, Any]:
    valid = checked(config)
    document: dict[str, Any] = json.loads(explain_json(explain(valid, compiled(valid), "v2")))
    return document


def test_the_document_has_these_keys() -> None:
    document = _document(full_config())
    assert list(document) == ["format", "cgroups", "fields", "runtime", "notSet", "warnings", "operations"]
    assert (document["format"], document["cgroups"]) == (1, "v2")
    for entry in (*document["fields"], *document["runtime"]):
        assert list(entry) == ["field", "isSet", "value", "mechanism", "meaning", "properties", "notes", "operations"]
    for entry in document["fields"]:
        for operation in entry["operations"]:
            assert list(operation) == ["section", "index", "operation", "text"]


def test_an_operation_is_explained_by_its_name() -> None:
    document = _document(default_config())
    (entry,) = (one for one in document["fields"] if one["field"] == "hostname")
    (operation,) = entry["operations"]
    assert operation.pop("index") > 0
    assert operation == {"section": "inner", "operation": "sethostname", "text": "set the host name to orun"}
    assert document["operations"]["sethostname"]["call"] == "sethostname"
    used = {one["operation"] for entry in (*document["fields"], *document["runtime"]) for one in entry["operations"]}
    assert set(document["operations"]) == used


def test_what_is_not_set() -> None:
    assert {
        "field": "linux.seccomp",
        "effect": "open",
        "meaning": "No filter: every system call of the kernel can be made.",
    } in _document(default_config())["notSet"]
