"""How long a container takes: `orun run` of `true` against runc, crun and the executor alone. `make bench` runs it.

Prints medians of wall times in the two modes that bench/measure.py explains, their ratios, memory and size, and a
verdict on each of our targets. Timing never makes the exit status: read the verdicts, and how busy the machine was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bundle import make_bundle, make_plan
from machine import Load, description, enter_private_view, load_of_a_second
from measure import RunError, Stopwatch, calm, peak_memory_bytes, storm, usable
from runtimes import EXECUTOR, ORUN, REPOSITORY, Runtime, all_runtimes, found_peers
from summary import Results, between_markers, report, verdicts

_DOCUMENT = REPOSITORY / "docs" / "performance.md"
_RUNS_MIN = 40
_SLEEP_S = 0.6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs", type=int, default=60, help=f"starts of each runtime in each mode (at least {_RUNS_MIN})"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write all times as JSON")
    parser.add_argument("--write-docs", action="store_true", help="put the report into docs/performance.md")
    parser.add_argument("--only", action="append", metavar="NAME", help="measure only this runtime (may be repeated)")
    options = parser.parse_args()
    if options.runs < _RUNS_MIN:
        parser.error(f"--runs {options.runs} says too little; take at least {_RUNS_MIN}")
    return options


def _executor_peak(directory: Path, specification_from: str) -> int | None:
    bundle, plan = directory / "sleeper", directory / "sleeper.plan"
    make_bundle(bundle, specification_from, ["sleep", str(_SLEEP_S)])
    if not EXECUTOR.exists() or make_plan(bundle, plan, f"bench-sleeper-{os.getpid()}") is not None:
        return None
    return peak_memory_bytes(Runtime("executor", str(EXECUTOR), (str(plan),), ""), _SLEEP_S)


def _measure(options: argparse.Namespace, directory: Path) -> Results:
    peers = found_peers()
    specification_from = peers.get("runc", str(ORUN))
    bundle = make_bundle(directory / "bundle", specification_from, ["true"])
    plan: Path | None = directory / "true.plan"
    failure = make_plan(bundle, directory / "true.plan", f"bench-{os.getpid()}")
    results = Results(versions={})
    if failure is not None:
        results.notes.append(f"the executor alone is not measured: its plan could not be made: {failure}")
        plan = None
    watch = Stopwatch(directory / "said")
    runtimes = []
    for runtime, reason in usable(all_runtimes(bundle, directory / "state", plan), watch):
        if options.only and runtime.name not in options.only:
            continue
        if reason is None:
            runtimes.append(runtime)
            results.versions[runtime.name] = runtime.version
        else:
            results.notes.append(f"not measured: {reason}")
    results.machine += [description(), f"before: {load_of_a_second()}"]
    for name, mode in (("storm", storm), ("calm", calm)):
        load = Load()
        results.times_ms[name] = mode(runtimes, options.runs, watch.run)
        results.machine.append(f"{name}: {load.line()}")
    results.orun_size_bytes = ORUN.stat().st_size if ORUN.exists() else None
    results.executor_peak_bytes = _executor_peak(directory, specification_from)
    return results


def main() -> int:
    """Measure, and report in all the ways that were asked for."""
    options = _options()
    if os.geteuid() != 0:
        print("startup.py: makes containers, so it runs as root", file=sys.stderr)
        return 1
    enter_private_view()
    with tempfile.TemporaryDirectory(prefix="orlop-bench-") as directory:
        try:
            results = _measure(options, Path(directory))
        except RunError as error:
            print(f"startup.py: a start failed in the middle: {error}", file=sys.stderr)
            return 1
    lines = report(results)
    print("\n".join(lines))
    if options.output:
        everything = asdict(results) | {"verdicts": verdicts(results)}
        options.output.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")
    if options.write_docs:
        document = _DOCUMENT.read_text(encoding="utf-8")
        _DOCUMENT.write_text(between_markers(document, "startup", lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
