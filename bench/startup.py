"""How long containers take with `orun`, and with runc, crun and newer peers beside it. `make bench` runs it.

Prints medians of wall times in the modes that bench/modes.py explains, their ratios, memory and size, and a verdict on
each of our targets. Timing never makes the exit status: read the verdicts, and how busy the machine was.

Parts, for --only: run; exec; lifecycle (create, state, start, delete); parallel (100 containers from 8 callers);
v2 (run, on cgroup v2 alone); memory (the smallest limit with which a container starts, and the executor's own peak).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bundle import make_bundle, make_plan
from children import become_subreaper
from containers import Containers
from machine import Load, description, load_of_a_second
from memory import peak_memory_bytes
from parts import PARTS, Bench, warm_up
from planner import Planner, PlannerError
from plot import plot
from report import between_markers, report
from runtimes import EXECUTOR, ORUN, REPOSITORY, WARM, Bare, Executor, cold_runtime, peer_runtimes, warm_runtime
from summary import Results
from targets import MIB
from view import VIEWS, arrange, end_tidily_on_signals, run_in_view

_DOCUMENT = REPOSITORY / "docs" / "performance.md"
_PLOT = REPOSITORY / "docs" / "performance.svg"
_RUNS = 100
_RUNS_QUICK = 20
_SLEEP_OF_A_PART = "900"
_SLEEP_OF_PEAK_S = 0.6


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help=f"how often to time each thing in each mode ({_RUNS})")
    parser.add_argument("--quick", action="store_true", help=f"a glance: {_RUNS_QUICK} runs")
    parser.add_argument("--only", metavar="PART,...", type=_names, default=list(PARTS), help="measure these parts")
    parser.add_argument("--runtimes", metavar="NAME,...", type=_names, help='measure these: "orun warm,crun"')
    parser.add_argument("--output", type=Path, metavar="FILE", help="write all times as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the medians, as SVG")
    parser.add_argument("--write-docs", action="store_true", help="put report and plot into docs/")
    parser.add_argument("--view", choices=VIEWS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    options.runs = options.runs or (_RUNS_QUICK if options.quick else _RUNS)
    if options.runs < 1:
        parser.error("--runs: at least 1")
    if options.write_docs and (options.runs < _RUNS or options.runtimes or options.only != list(PARTS)):
        parser.error(f"--write-docs: only with all runtimes and all parts, and at least {_RUNS} runs")
    return options


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _executor(directory: Path, results: Results) -> list[Executor]:
    """The executor with a plan for the bundle of `true`; nothing and a note when there is none."""
    if not EXECUTOR.exists():
        results.notes.append("not measured: executor: not built; make build")
        return []
    executor = Executor(str(EXECUTOR), directory / "true.plan")
    failure = make_plan(directory / "true", executor.plan, f"bench-{os.getpid()}")
    if failure is not None:
        results.notes.append(f"not measured: executor: its plan could not be made: {failure}")
    return [executor] if failure is None else []


def _executor_peak_bytes(directory: Path, specification_from: str) -> int | None:
    bundle = make_bundle(directory / "peak", specification_from, ["sleep", str(_SLEEP_OF_PEAK_S)])
    executor = Executor(str(EXECUTOR), directory / "peak.plan")
    if not EXECUTOR.exists() or make_plan(bundle, executor.plan, f"bench-peak-{os.getpid()}") is not None:
        return None
    return peak_memory_bytes(executor, _SLEEP_OF_PEAK_S)


def _resident_planner(directory: Path, results: Results, stack: contextlib.ExitStack) -> Planner | None:
    """A planner that serves until the stack unwinds; None and a note when there can be none."""
    try:
        return stack.enter_context(Planner(ORUN, directory))
    except PlannerError as error:
        results.notes.append(f"not measured: {WARM}: no resident planner: {error}")
        return None


def _measure_in_view(options: argparse.Namespace, directory: Path) -> Results:
    """Measure the parts that belong to this view.

    Requires: a mount namespace of our own.
    """
    arrange(options.view)
    become_subreaper()
    results = Results()
    with contextlib.ExitStack() as stack:
        planner = _resident_planner(directory, results, stack)
        warm = [warm_runtime(directory, planner.socket)] if planner else []
        runtimes = [*warm, cold_runtime(directory), *peer_runtimes(directory)]
        specification_from = next((runtime.program for runtime in runtimes if runtime.name == "runc"), str(ORUN))
        true = make_bundle(directory / "true", specification_from, ["true"])
        sleeper = make_bundle(directory / "sleeper", specification_from, ["sleep", _SLEEP_OF_A_PART])
        limited = make_bundle(directory / "limited", specification_from, ["true"])
        executors = [*_executor(directory, results), Bare(str(true), true)]
        if options.runtimes:
            runtimes = [runtime for runtime in runtimes if runtime.name in options.runtimes]
            executors = [executor for executor in executors if executor.name in options.runtimes]
        containers = stack.enter_context(Containers(directory))
        bench = Bench(containers, results, runtimes, executors, true, sleeper, limited, options.runs)
        warm_up(bench, options.view)
        for name in options.only:
            if (name == "v2") == (options.view == "v2"):
                _say(f"measuring {name} ...")
                load = Load()
                PARTS[name](bench, name)
                results.machine.append(f"{name}: {load.line()}")
        if planner:
            mib = planner.resident_bytes() / MIB
            results.machine.append(f"the resident planner on cgroup {options.view}, afterwards: {mib:.1f} MiB")
        if options.view == "v1" and "memory" in options.only:
            results.executor_peak_bytes = _executor_peak_bytes(directory, specification_from)
    return results


def _measure(options: argparse.Namespace, arguments: list[str]) -> Results:
    """Measure all parts, each view's in a process of its own.

    Raises:
        CalledProcessError: such a process failed, and has said why.
    """
    results = Results(machine=[description(), f"before: {load_of_a_second()}"])
    results.orun_size_bytes = ORUN.stat().st_size
    for view in VIEWS:
        if any((name == "v2") == (view == "v2") for name in options.only):
            with tempfile.NamedTemporaryFile(prefix="orlop-bench-") as file:
                status = run_in_view(view, [*arguments, "--output", file.name])
                if status != 0:
                    raise subprocess.CalledProcessError(status, f"view {view}")
                results.merge(Results.from_json(Path(file.name).read_text(encoding="utf-8")))
    return results


def main(arguments: list[str]) -> int:
    """Measure, and report in all the ways that were asked for."""
    options = _options(arguments)
    if os.geteuid() != 0:
        _say("startup.py: makes containers, so it runs as root")
        return 1
    if options.view:
        end_tidily_on_signals()
        with tempfile.TemporaryDirectory(prefix="orlop-bench-") as directory:
            results = _measure_in_view(options, Path(directory))
        options.output.write_text(results.to_json(), encoding="utf-8")
        return 0
    try:
        results = _measure(options, arguments)
    except subprocess.CalledProcessError as error:
        _say(f"startup.py: {error.cmd}: status {error.returncode}")
        return 1
    print("\n".join(report(results)))
    if options.output:
        options.output.write_text(results.to_json(), encoding="utf-8")
    if options.plot:
        options.plot.write_text(plot(results), encoding="utf-8")
    if results.has_failed:
        _say("startup.py: one of ours failed in the middle; docs/ stays as it was")
        return 1
    if options.write_docs:
        _write_docs(results)
    return 0


def _write_docs(results: Results) -> None:
    lines = [f"![Medians of all parts, as bars]({_PLOT.name})", "", *report(results)]
    document = between_markers(_DOCUMENT.read_text(encoding="utf-8"), "startup", lines)
    _DOCUMENT.write_text(document, encoding="utf-8")
    _PLOT.write_text(plot(results), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
