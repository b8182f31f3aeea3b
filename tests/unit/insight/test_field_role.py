"""The rows of the field tables."""

from __future__ import annotations

from orlop.insight.field_role import ENTRY, NOTHING, unsupported


def test_an_unsupported_field_says_so() -> None:
    row = unsupported("The SELinux label.")
    assert (row.role, row.mechanism) == (ENTRY, NOTHING)
    assert row.words == "The SELinux label. This version of orun refuses it, unless it asks for nothing."
