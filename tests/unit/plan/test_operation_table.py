"""What every operation does, row by row."""

from __future__ import annotations

from orlop.plan.operation_table import BY_NAME, OPERATIONS
from orlop.plan.operations import CODE


def test_every_number_has_a_row_and_every_row_a_number() -> None:
    assert [row.name for row in OPERATIONS] == list(CODE)
    assert set(BY_NAME) == set(CODE)
    assert all(row.code == CODE[row.name] for row in OPERATIONS)


def test_rows_name_arguments_that_exist() -> None:
    known = {"fd", "at", "s0", "s1", "blob", "n0", "n1"}
    assert all(set(row.args) <= known for row in OPERATIONS)


def test_rows_have_a_call_and_a_sentence() -> None:
    assert all(row.call and row.doc.endswith(".") for row in OPERATIONS)
