"""Prints csrc/operations.h: the operation table as the C executor sees it.

Usage: python3 -m orlop.plan.c_header [--check FILE]. With --check nothing is printed, and the exit status is 1 when
FILE is not what would be printed.
"""

from __future__ import annotations

import sys

from orlop.plan import operations
from orlop.plan.operation_table import OPERATIONS, fingerprint

_FLAGS = ("IGNORE_EEXIST", "IGNORE_ENOENT", "IGNORE_EACCES", "BEST_EFFORT", "NO_SYMLINKS", "EXCLUSIVE")
_SECTIONS = ("OUTER", "INNER", "CLEANUP")
_TARGETS = ("TARGET_MUST_EXIST", "TARGET_DIRECTORY", "TARGET_FILE", "TARGET_LIKE_SOURCE")
_TEMPLATES = ("TEMPLATE_PID", "TEMPLATE_START_TIME")


def header() -> str:
    """The text of operations.h, newline at its end."""
    lines = [
        "/* Generated from operations.py and operation_table.py by orlop.plan.c_header: never edit it. */",
        "#ifndef ORLOP_OPERATIONS_H",
        "#define ORLOP_OPERATIONS_H",
        "",
        f"#define OPERATION_SIZE {operations.OPERATION_SIZE}",
        f"#define SLOT_MAX {operations.SLOT_MAX}",
        "/* Of the whole table: an executor and a planner that differ here must not talk. */",
        f"#define OPERATIONS_FINGERPRINT 0x{fingerprint():08x}u",
        "",
        "/* Flags of an operation. */",
        *(f"#define {name} {getattr(operations, name)}u" for name in _FLAGS),
        "",
        "/* Sections of a plan. */",
        *(f"#define SECTION_{name} {getattr(operations, name)}u" for name in _SECTIONS),
        f"#define SECTION_COUNT {len(operations.SECTIONS)}u",
        "",
        "/* What target does with a missing path. */",
        *(f"#define {name} {getattr(operations, name)}u" for name in _TARGETS),
        "",
        "/* Bytes that a template expands. */",
        *(f"#define {name} {getattr(operations, name)[0]}" for name in _TEMPLATES),
        "",
        "enum operation_code {",
        *(f"    OP_{row.name.upper()} = {row.code}," for row in OPERATIONS),
        "};",
        "",
        f"#define OPERATION_CODE_MAX {max(row.code for row in OPERATIONS)}",
        "",
        "/* X(code, name, call) for each operation: its name in messages, and the system call that a failure names. */",
        "#define OPERATION_TABLE(X) \\",
        *(f'    X({row.code}, "{row.name}", "{row.call}") \\' for row in OPERATIONS),
        "    /* end */",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Print the header, or with `--check FILE` compare it."""
    if not arguments:
        sys.stdout.write(header())
        return 0
    if len(arguments) != 2 or arguments[0] != "--check":
        sys.stderr.write("usage: python3 -m orlop.plan.c_header [--check FILE]\n")
        return 2
    try:
        with open(arguments[1], encoding="ascii") as file:
            found = file.read()
    except OSError as error:
        sys.stderr.write(f"{arguments[1]}: {error.strerror}\n")
        return 1
    if found == header():
        return 0
    sys.stderr.write(
        f"{arguments[1]}: differs from the operation table; run python3 -m orlop.plan.c_header > {arguments[1]}\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
