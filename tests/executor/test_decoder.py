"""The decoder: a malformed plan is refused whole, before its first operation."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from plan_file import new_plan, raw_plan

from orlop.plan.operations import CODE, ENCODING

if TYPE_CHECKING:
    from plan_file import Executor


def operation(
    code: int,
    flags: int = 0,
    fd: int = -1,
    at: int = -1,
    s0: int = 0,
    s1: int = 0,
    blob: int = 0,
    length: int = 0,
    n0: int = 0,
    n1: int = 0,
) -> bytes:
    return struct.pack(ENCODING, code, flags, fd, at, s0, s1, blob, length, n0, n1)


def of(name: str, **arguments: int) -> bytes:
    return operation(CODE[name], **arguments)


DATA = b"\0path\0"
MALFORMED = {
    "empty": (b"", "shorter than its header"),
    "magic": (b"\0" * 28, "magic number"),
    "version": (struct.pack("<7I", 0x504C524F, 2, 0, 1, 0, 0, 0) + b"\0", "version"),
    "no data": (struct.pack("<7I", 0x504C524F, 1, 0, 0, 0, 0, 0), "data area"),
    "data without NUL": (raw_plan([], b"x"), "data area"),
    "longer than it says": (raw_plan([]) + b"x", "data area"),
    "operations that do not fit": (
        struct.pack("<7I", 0x504C524F, 1, 0, 1, 1 << 31, 1 << 31, 1 << 31) + b"\0",
        "do not fit",
    ),
    "code 0": (raw_plan([operation(0)]), "unknown operation"),
    "code between": (raw_plan([operation(55)]), "unknown operation"),
    "code behind": (raw_plan([operation(65535)]), "unknown operation"),
    "slot too high": (raw_plan([of("close", fd=256)]), "slot is out of range"),
    "slot too low": (raw_plan([of("close", fd=-2)]), "slot is out of range"),
    "base slot": (raw_plan([of("mkdir", s0=1, at=300)], DATA), "slot is out of range"),
    "slot missing": (raw_plan([of("close")]), "lacks a slot"),
    "root missing": (raw_plan([of("target", fd=1, s0=1)], DATA), "lacks a slot"),
    "string missing": (raw_plan([of("mkdir")]), "lacks a string"),
    "string outside": (raw_plan([of("mkdir", s0=6)], DATA), "string lies outside"),
    "string unterminated": (raw_plan([of("mkdir", s0=1)], b"\0path"), "string lies outside"),
    "second string": (raw_plan([of("symlink", at=0, s0=1, s1=1 << 31)], DATA), "string lies outside"),
    "blob outside": (raw_plan([of("write", s0=1, blob=1, length=6)], DATA), "blob lies outside"),
    "blob wraps": (raw_plan([of("write", s0=1, blob=5, length=0xFFFFFFFF)], DATA), "blob lies outside"),
    "argv too few": (raw_plan([of("hook", s0=1, blob=1, length=5, n0=2)], DATA), "argv and env"),
    "argv too many": (raw_plan([of("hook", s0=1, blob=0, length=6, n0=1)], DATA), "argv and env"),
    "argv empty": (raw_plan([of("hook", s0=1, n0=0)], DATA), "argv and env"),
    "counts overflow": (raw_plan([of("hook", s0=1, blob=1, length=5, n0=0xFFFFFFFF_FFFFFFFF)], DATA), "argv and env"),
    "options unterminated": (raw_plan([of("new_mount", fd=0, s0=1, blob=1, length=2)], DATA), "not terminated"),
    "short limits": (raw_plan([of("rlimit", blob=1, length=4)], DATA), "wrong size"),
    "mask slot": (raw_plan([of("mask", fd=0, at=0, s0=1, n0=256)], DATA), "slot is out of range"),
    "target source": (raw_plan([of("target", fd=0, at=0, s0=1, n1=3 | 256 << 8)], DATA), "slot is out of range"),
    "target kind": (raw_plan([of("target", fd=0, at=0, s0=1, n1=4)], DATA), "kind of target"),
    "uid -1": (raw_plan([of("identity", n0=0xFFFFFFFF)]), "id is out of range"),
    "uid wraps": (raw_plan([of("identity", n0=1 << 32)]), "id is out of range"),
    "execve outside": (raw_plan([of("execve", blob=1, length=5, n0=1)], DATA), "cannot run"),
    "clone inside": (raw_plan([of("clone")], section=1), "cannot run"),
    "wait in cleanup": (raw_plan([of("wait_exec")], section=2), "cannot run"),
}


@pytest.mark.parametrize("case", MALFORMED, ids=lambda name: name.replace(" ", "-"))
def test_a_malformed_plan_is_refused(executor: Executor, case: str) -> None:
    plan, why = MALFORMED[case]
    outcome = executor.run(plan)
    assert outcome.code == 1
    assert outcome.stderr.startswith("orun-exec-plan: malformed plan: ")
    assert why in outcome.stderr


def test_every_truncation_is_refused(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("mkdir", s0=str(tmp_path / "made"), n0=0o755)
    whole = plan.encode()
    for length in range(0, len(whole), 7):
        assert executor.run(whole[:length]).code == 1
    assert not (tmp_path / "made").exists()


def test_nothing_runs_of_a_plan_that_is_malformed_at_its_end(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("mkdir", s0=str(tmp_path / "made"), n0=0o755)
    plan.cleanup.add("close", fd=999)
    assert executor.run(plan).code == 1
    assert not (tmp_path / "made").exists()


def test_an_empty_plan_succeeds(executor: Executor) -> None:
    executor.run(new_plan()).assert_success()


def test_an_empty_slot_is_an_error_not_the_working_directory(executor: Executor, tmp_path: Path) -> None:
    plan = new_plan()
    plan.outer.add("mkdir", at=5, s0="made", n0=0o755)
    assert executor.run(plan, cwd=tmp_path).failure().errno == "EBADF"
    assert [path.name for path in tmp_path.iterdir()] == ["plans"]


def test_every_row_of_the_table_is_dispatched() -> None:
    source = (Path(__file__).resolve().parents[2] / "csrc" / "execute.c").read_text()
    assert set(re.findall(r"\[OP_(\w+)\] = op_", source)) == {name.upper() for name in CODE}
