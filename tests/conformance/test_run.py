"""Tests of what a program's end and output amount to, and of how one is run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from . import run
from .build import Suite
from .run import Runtime, result_of, run_suite

if TYPE_CHECKING:
    from pathlib import Path

_RUNTIME = Runtime("none", "/bin/false", "1")


def _once(_runtime: str, _program: str) -> int:
    return 1


def _suite(directory: Path, **scripts: str) -> Suite:
    programs = []
    for name, script in scripts.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        programs.append(program)
    return Suite("v0", directory, tuple(programs))


def test_checks_are_counted_by_how_they_ended() -> None:
    result = result_of("a", 0, "ok 1 - a\nnot ok 2 - b\nok 3 # SKIP c\n1..3\n", "")
    assert (result.passed, result.failed, result.skipped) == (1, 1, 1)
    assert result.failure == ""


def test_a_program_that_fails_without_a_check_is_one_failure() -> None:
    result = result_of(
        "a", 1, "TAP version 13\n", "failed to create the container\norun: cannot create\nexit status 1\n"
    )
    assert result.failed == 1
    assert result.failure == "exit status 1: orun: cannot create"


def test_an_error_that_no_check_tells_is_a_failure() -> None:
    result = result_of("a", 0, '  ---\n  {"error": "hooks MUST be called\\nRefer to: x"}\n  ...\n1..0\n', "")
    assert result.failure == "hooks MUST be called"


def test_a_program_without_checks_that_ends_well_passes() -> None:
    assert result_of("a", 0, "TAP version 13\n1..0\n", "").failed == 0


def test_a_plan_of_none_after_checks_is_how_some_programs_end() -> None:
    assert result_of("a", 0, "ok 1\n1..0\n", "").failed == 0


def test_a_plan_that_was_not_kept_is_a_failure() -> None:
    assert result_of("a", 0, "ok 1\n1..2\n", "").failure == "2 checks were planned, 1 were made"


@pytest.mark.needs_root
def test_a_program_runs_with_the_runtime_in_its_environment(tmp_path: Path) -> None:
    suite = _suite(tmp_path, one='test -x "$RUNTIME" && test -d "$TMPDIR" && echo "ok 1 - $PWD"; echo 1..1')
    told: list[str] = []
    results = run_suite(suite, [_RUNTIME], only="", tries=_once, tell=told.append)
    (result,) = results["none"]
    assert [check.description for check in result.checks] == [str(tmp_path)]
    assert told == ["none: one: 1 passed, 0 failed"]


@pytest.mark.needs_root
def test_what_a_program_leaves_running_ends_with_it(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    suite = _suite(
        tmp_path,
        one=f"(while sleep 0.05; do date +%s%N >{alive}; done) >/dev/null 2>&1 &\n"
        f"until test -s {alive}; do sleep 0.05; done; echo 1..0",
    )
    run_suite(suite, [_RUNTIME], only="", tries=_once, tell=print)
    before = alive.read_text(encoding="ascii")
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        assert alive.read_text(encoding="ascii") == before


@pytest.mark.needs_root
def test_a_program_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_PROGRAM_S", 0.5)
    suite = _suite(tmp_path, one="echo ok 1 - a; exec sleep 100")
    (result,) = run_suite(suite, [_RUNTIME], only="", tries=_once, tell=print)["none"]
    assert result.failure == "it did not end within 0.5 s"


@pytest.mark.needs_root
def test_a_program_that_races_is_tried_again(tmp_path: Path) -> None:
    count = tmp_path / "count"
    suite = _suite(tmp_path, one=f'echo >>{count}; test "$(wc -l <{count})" -ge 3 && echo ok 1 || echo not ok 1')
    (result,) = run_suite(suite, [_RUNTIME], only="", tries=lambda _runtime, _program: 3, tell=print)["none"]
    assert result.failed == 0
    (result,) = run_suite(suite, [_RUNTIME], only="", tries=_once, tell=print)["none"]
    assert result.failed == 0
    count.unlink()
    (result,) = run_suite(suite, [_RUNTIME], only="", tries=_once, tell=print)["none"]
    assert result.failed == 1


@pytest.mark.needs_root
def test_the_runtime_deletes_the_containers_that_a_program_leaves(tmp_path: Path) -> None:
    told = tmp_path / "told"
    runtime = tmp_path / "runtime"
    runtime.write_text(f'#!/bin/sh\necho "$@" >>{told}\nmkdir -p "$2/left"\n', encoding="ascii")
    runtime.chmod(0o755)
    suite = _suite(tmp_path, one='"$RUNTIME" create left; echo 1..0')
    run_suite(suite, [Runtime("fake", str(runtime), "1")], only="", tries=_once, tell=print)
    created, deleted = told.read_text(encoding="utf-8").splitlines()
    assert created.endswith(" create left")
    assert deleted.endswith(" delete --force left")


@pytest.mark.needs_root
def test_only_the_named_programs_run(tmp_path: Path) -> None:
    suite = _suite(tmp_path, one="echo 1..0", other="echo 1..0")
    results = run_suite(suite, [_RUNTIME], only="oth", tries=_once, tell=print)
    assert [result.program for result in results["none"]] == ["other"]
