"""conmon with this runtime: create, start, attach, exec, the log and the exit file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from e2e.bundle import Bundle

from .conmon import Conmon
from .tool import Tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_peer("conmon")]


@pytest.fixture
def bundle(directory: Path, token: str, template: Path) -> Bundle:
    """A bundle whose container's cgroup has the test's token in its path."""
    bundle = Bundle(directory / "bundle", template, hostname="box", env=[f"E2E_TOKEN={token}"])
    bundle.config["linux"]["cgroupsPath"] = f"/{token}/one"
    return bundle


@pytest.fixture
def runtime(program: Path, directory: Path, token: str) -> Tool:
    """The runtime as conmon's caller uses it, with the same --root."""
    return Tool([program, "--root", directory / "root"], directory, {"E2E_TOKEN": token})


@pytest.fixture
def conmon(program: Path, directory: Path, token: str, runtime: Tool) -> Iterator[Conmon]:
    """A monitor for the container `one`, which is deleted afterwards."""
    conmon = Conmon(program, directory, "one", runtime.environment | {"E2E_TOKEN": token})
    yield conmon
    runtime("delete", "--force", "one")


def _args(bundle: Bundle, script: str) -> Path:
    bundle.config["process"]["args"] = ["sh", "-c", script]
    return bundle.write()


def test_conmon_reports_the_pid_that_the_runtime_wrote(conmon: Conmon, bundle: Bundle, runtime: Tool) -> None:
    report = conmon.start(_args(bundle, "exit 3"))
    assert report["data"] == conmon.pid()
    state = json.loads(runtime("state", "one").out)
    assert (state["status"], state["pid"]) == ("created", conmon.pid())
    runtime("start", "one")
    assert conmon.exit_code() == 3


def test_both_streams_are_logged(conmon: Conmon, bundle: Bundle, runtime: Tool) -> None:
    conmon.start(_args(bundle, "echo out; echo err >&2; printf partial"))
    runtime("start", "one")
    assert conmon.exit_code() == 0
    assert sorted(conmon.log_lines()) == ["stderr F err", "stdout F out", "stdout P partial"]


def test_who_attaches_has_the_programs_streams(conmon: Conmon, bundle: Bundle, runtime: Tool) -> None:
    conmon.start(_args(bundle, "read word; echo got $word; cat >&2"), "--stdin")
    attached = conmon.attach()
    runtime("start", "one")
    attached.send("this\nrest\n")
    attached.end()
    assert attached.received() == {"stdout": "got this\n", "stderr": "rest\n"}
    assert conmon.exit_code() == 0


def test_a_terminal_goes_through_conmons_console_socket(conmon: Conmon, bundle: Bundle, runtime: Tool) -> None:
    bundle.config["process"]["terminal"] = True
    conmon.start(_args(bundle, "test -t 0 && test -t 2 && echo tty"), "--terminal")
    attached = conmon.attach()
    runtime("start", "one")
    assert attached.received()["stdout"].strip() == "tty"
    assert conmon.exit_code() == 0


def test_the_runtimes_error_reaches_the_caller(conmon: Conmon, bundle: Bundle) -> None:
    bundle.config["process"]["args"] = ["no-such-program"]
    report = conmon.start(bundle.write())
    assert report["data"] == -1
    assert "no-such-program" in report["message"]
    assert "executable file not found in $PATH" in report["message"]


def test_a_signal_is_told_as_128_and_its_number(conmon: Conmon, bundle: Bundle, runtime: Tool) -> None:
    conmon.start(_args(bundle, "sleep 1000"))
    runtime("start", "one")
    runtime("kill", "one", "KILL")
    assert conmon.exit_code() == 137


def test_exec_has_a_conmon_of_its_own(
    conmon: Conmon, bundle: Bundle, runtime: Tool, program: Path, directory: Path
) -> None:
    conmon.start(_args(bundle, "sleep 1000"))
    runtime("start", "one")
    process = {**bundle.config["process"], "args": ["sh", "-c", "echo from exec; exit 6"]}
    (directory / "exec").mkdir()
    specification = directory / "exec/process.json"
    specification.write_text(json.dumps(process))
    second = Conmon(program, directory / "exec", "one", runtime.environment)
    second_root = ("--runtime-arg", "--root", "--runtime-arg", directory / "root")
    report = second.start(bundle.directory, *second_root, "--exec", "--exec-process-spec", specification)
    assert report["data"] == second.pid() != conmon.pid()
    assert second.exit_code() == 6
    assert second.log_lines() == ["stdout F from exec"]
