"""The C header: complete, and the same every time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.plan import operations
from orlop.plan.c_header import header, main
from orlop.plan.operation_table import OPERATIONS

if TYPE_CHECKING:
    import pytest


def test_the_header_is_the_same_every_time() -> None:
    assert header() == header()
    assert header().endswith("#endif\n")


def test_every_operation_is_in_the_enumeration_with_its_number() -> None:
    found = {name.lower(): int(code) for name, code in re.findall(r"^    OP_(\w+) = (\d+),$", header(), re.MULTILINE)}
    assert found == operations.CODE


def test_every_operation_is_in_the_table_with_its_name_and_call() -> None:
    found = re.findall(r'^    X\((\d+), "(\w+)", "(\w+)"\) \\$', header(), re.MULTILINE)
    assert [(int(code), name, call) for code, name, call in found] == [
        (row.code, row.name, row.call) for row in OPERATIONS
    ]


def test_the_highest_number_bounds_a_table_in_c() -> None:
    assert f"#define OPERATION_CODE_MAX {max(operations.CODE.values())}\n" in header()


def test_every_constant_of_the_wire_format_is_defined_with_its_value() -> None:
    found = dict(re.findall(r"^#define (\w+) (\d+)u?$", header(), re.MULTILINE))
    values = {
        name: value[0] if isinstance(value, bytes) else value
        for name, value in vars(operations).items()
        if name.isupper() and isinstance(value, (int, bytes))
    }
    sections = {f"SECTION_{name}": values.pop(name) for name in ("OUTER", "INNER", "CLEANUP")}
    wanted = {**values, **sections, "SECTION_COUNT": 3, "OPERATION_CODE_MAX": max(operations.CODE.values())}
    assert {name: int(value) for name, value in found.items()} == wanted


def test_it_is_printed_without_arguments_and_other_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == header()
    assert main(["--check"]) == 2
    assert main(["x", "y"]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("usage: python3 -m orlop.plan.c_header")) == ("", 2)


def test_a_file_that_cannot_be_read_is_not_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "/nonexistent/operations.h"]) == 1
    assert capsys.readouterr().err == "/nonexistent/operations.h: No such file or directory\n"
