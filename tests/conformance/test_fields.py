"""Tests of the table of config.json's fields: that it is complete, and that it says what orun does."""

from __future__ import annotations

import pytest

from .fields import FILE, Field, Notes, all_fields, load_notes, refusal, table

_NOTES = load_notes(FILE.read_text(encoding="utf-8"))


def test_fields_are_found_at_every_depth() -> None:
    paths = [field.path for field in all_fields()]
    assert len(paths) == len(set(paths))
    for path in ("ociVersion", "process.rlimits[].soft", "linux.sysctl.*", "linux.seccomp.syscalls[].args[].op"):
        assert path in paths
    assert "process.commandLine" not in paths  # Windows


def test_a_refused_field_tells_what_orun_says() -> None:
    (field,) = (field for field in all_fields() if field.path == "linux.intelRdt")
    assert not field.is_supported
    assert field.answer == "config.json: linux.intelRdt: not supported by this version of orun; remove it"


def test_every_refused_field_and_no_other_has_a_reason() -> None:
    assert sorted(_NOTES.later) == sorted(field.path for field in all_fields() if not field.is_supported)


def test_every_note_is_about_a_supported_field() -> None:
    supported = {field.path for field in all_fields() if field.is_supported}
    assert set(_NOTES.notes) <= supported
    assert {value["field"] for value in _NOTES.values} <= supported


@pytest.mark.parametrize("value", _NOTES.values, ids=lambda value: f"{value['field']}-{value['value']}")
def test_every_value_that_is_listed_as_refused_is(value: dict[str, dict[str, object]]) -> None:
    assert "not supported by this version of orun" in refusal(value["sample"])


def test_a_value_that_is_not_refused_is_an_error() -> None:
    with pytest.raises(ValueError, match="is not refused"):
        refusal({"annotations": {"a": "b"}})


def test_the_table_has_fields_values_and_reasons() -> None:
    notes = Notes(
        {"b": "planned"},
        ({"field": "a", "value": "`idmap`", "why": "later", "sample": _NOTES.values[0]["sample"]},),
        {"a": "a note"},
    )
    lines = table([Field("a", is_supported=True), Field("b", is_supported=False, answer="b: no; drop it")], notes)
    assert lines[2] == "| `a` | supported | a note |"
    assert lines[3].startswith(
        "| `a`: `idmap` | an error | `config.json: mounts[0].options[1]: an idmapped mount is not"
    )
    assert lines[4] == "| `b` | an error | `b: no`; planned |"
