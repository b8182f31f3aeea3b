"""Runs the suite's programs on a runtime, each one in pid and mount namespaces of its own and with a deadline.

A program that fails often leaves containers behind. With its pid namespace all its processes end, with its mount
namespace its mounts go; what stays are state directories and cgroups, which the runtime is told to delete by force.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .leftovers import remove_cgroups
from .tap import Check, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .build import Suite

_PROGRAM_S = 120
_DELETE_S = 30
# Programs with absolute cgroups of the same names, whichever runtime they test: one of them at a time.
_CGROUP_PROGRAMS = ("linux_cgroups_", "delete_only_create_resources", "delete_resources")
_cgroup_names = threading.Lock()

# PID 1 of a program's namespace: reaps the orphans, as an init does; as one it must not be the program itself.
_INIT = '"$@"; status=$?; exit $status'


@dataclass(frozen=True)
class Runtime:
    """A runtime under test."""

    name: str
    program: str
    version: str


@dataclass
class Result:
    """What one program found about one runtime. `failure` is set when it failed as a whole, beside its checks."""

    program: str
    checks: list[Check] = field(default_factory=list)
    failure: str = ""

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(check.is_ok and not check.is_skipped for check in self.checks)

    @property
    def skipped(self) -> int:
        """How many checks did not apply."""
        return sum(check.is_skipped for check in self.checks)

    @property
    def failed(self) -> int:
        """How many checks failed; a program that failed as a whole is one more."""
        return sum(not check.is_ok for check in self.checks) + bool(self.failure)


def result_of(program: str, status: int | None, stdout: str, stderr: str) -> Result:
    """What a program's end and output amount to. `status` is None when it ran out of time."""
    output = parse(stdout)
    result = Result(program, output.checks)
    if status is None:
        result.failure = f"it did not end within {_PROGRAM_S} s"
    elif status != 0:
        result.failure = f"exit status {status}: {_last_words(stderr)}"
    elif output.errors:
        result.failure = output.errors[0].splitlines()[0]
    elif output.planned is not None and output.planned > len(output.checks):
        result.failure = f"{output.planned} checks were planned, {len(output.checks)} were made"
    return result


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("exit status", "failed to"))]
    return (told or lines or ["it said nothing"])[-1]


def run_suite(
    suite: Suite,
    runtimes: Sequence[Runtime],
    *,
    only: str,
    tries: Callable[[str, str], int],
    tell: Callable[[str], None],
) -> dict[str, list[Result]]:
    """The results of each runtime by its name. A program is repeated until it passes, as often as `tries` allows.

    The runtimes are tested at the same time, each on a thread: most of the programs' time is spent waiting.
    """
    programs = [program for program in suite.programs if only in program.name]
    results: dict[str, list[Result]] = {runtime.name: [] for runtime in runtimes}

    def test(runtime: Runtime) -> None:
        for program in programs:
            result = _run_program(suite, program, runtime, tries=tries(runtime.name, program.name))
            results[runtime.name].append(result)
            tell(f"{runtime.name}: {program.name}: {result.passed} passed, {result.failed} failed")

    threads = [threading.Thread(target=test, args=(runtime,), name=runtime.name) for runtime in runtimes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    remove_cgroups()
    for name, found in results.items():
        if len(found) != len(programs):
            raise RuntimeError(f"the tests of {name} ended early; see above")
    return results


def _run_program(suite: Suite, program: Path, runtime: Runtime, *, tries: int) -> Result:
    if program.name.startswith(_CGROUP_PROGRAMS):
        with _cgroup_names:
            return _run_once(suite, program, runtime)
    result = _run_once(suite, program, runtime)
    while result.failed and tries > 1:
        tries -= 1
        result = _run_once(suite, program, runtime)
    return result


def _run_once(suite: Suite, program: Path, runtime: Runtime) -> Result:
    scratch = Path(tempfile.mkdtemp(prefix=f"orlop-conformance-{runtime.name}-"))
    scratch.chmod(0o755)  # containers with a user namespace look their rootfs up in it
    try:
        root = scratch / "root"
        for directory in (root, scratch / "tmp"):
            directory.mkdir()
        environment = os.environ | {"RUNTIME": str(_wrapper(scratch, runtime, root)), "TMPDIR": str(scratch / "tmp")}
        result = _in_namespaces(program, suite.directory, environment)
        _delete_leftovers(runtime, root)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return result


def _wrapper(scratch: Path, runtime: Runtime, root: Path) -> Path:
    """The runtime with a state directory of its own: the suite gives no options."""
    wrapper = scratch / runtime.name
    wrapper.write_text(f'#!/bin/sh\nexec "{runtime.program}" --root "{root}" "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


def _in_namespaces(program: Path, directory: Path, environment: Mapping[str, str]) -> Result:
    command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += ["sh", "-c", _INIT, "sh", str(program)]
    with subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        status: int | None
        try:
            stdout, stderr = process.communicate(timeout=_PROGRAM_S)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()  # and with unshare its child, and with that the namespace
            stdout, stderr = process.communicate()
            status = None
    return result_of(program.name, status, stdout, stderr)


def _delete_leftovers(runtime: Runtime, root: Path) -> None:
    """Have the runtime delete what the program left: its processes are gone, its cgroups are not."""
    for state in sorted(root.iterdir()):
        if state.is_dir() and not state.name.startswith("."):
            command = [runtime.program, "--root", str(root), "delete", "--force", state.name]
            subprocess.run(command, capture_output=True, check=False, timeout=_DELETE_S)
