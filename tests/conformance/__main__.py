"""Command line of the conformance run; `make conformance` calls it."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from .build import BuildError, built_suite
from .known import FILE, deviations, load
from .machine import enter_private_view, here
from .report import DOCUMENT, OURS, Conditions, are_comparable, difference, document, summary
from .run import Runtime, run_suite

_REPOSITORY = Path(__file__).resolve().parents[2]
_ORUN = _REPOSITORY / ".venv" / "bin" / "orun"
_PEERS = ("runc", "crun")
_TRIES_OF_A_PEER = 3  # that a peer fails now and then must not change the document


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance", description="Run the runtime spec's validation suite.")
    parser.add_argument("--check", action="store_true", help=f"compare with {DOCUMENT.name} instead of writing it")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only programs whose name has it; writes no document"
    )
    parser.add_argument("--runtime", action="append", metavar="NAME", help="only this runtime; writes no document")
    return parser.parse_args()


def _runtimes(wanted: list[str] | None) -> list[Runtime]:
    programs = {"orun": str(_ORUN)}
    for name in _PEERS:
        found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if found is None and (not wanted or name in wanted):
            raise SystemExit(f"conformance: {name} is not installed; make setup does it")
        programs[name] = found or ""
    return [
        Runtime(name, program, _version(program)) for name, program in programs.items() if name in (wanted or programs)
    ]


def _version(program: str) -> str:
    """The first line of --version, without the commit that some builds add."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=300)
    return done.stdout.splitlines()[0].split("+")[0].replace(" version ", " ")


def main() -> int:
    """Build, run, compare with what is known, write or compare the document. 1 when something is not as recorded."""
    options = _options()
    if os.geteuid() != 0 or platform.machine() != "x86_64":
        print("conformance: makes containers from an x86-64 rootfs, so it runs as root there", file=sys.stderr)
        return 1
    enter_private_view(sys.argv[1:])
    try:
        suite = built_suite()
    except BuildError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 1
    expectations = load(FILE.read_text(encoding="utf-8"))
    runtimes = _runtimes(options.runtime)

    def tries(runtime: str, program: str) -> int:
        race = expectations.races.get(program)
        return race.tries if race else 1 if runtime == OURS else _TRIES_OF_A_PEER

    results = run_suite(suite, runtimes, only=options.only, tries=tries, tell=lambda line: print(line, flush=True))
    conditions = Conditions(suite.version, here(), [runtime.version for runtime in runtimes])
    print("\n".join(["", *summary(results)]))
    wrong = deviations(results, "orun", expectations, conditions.facts) if "orun" in results else []
    if not options.only and not options.runtime:
        text = document(results, conditions, expectations)
        if options.check:
            committed = DOCUMENT.read_text(encoding="utf-8")
            wrong += difference(committed, text)
            if not are_comparable(committed, text):
                print(f"conformance: {DOCUMENT.name} was made under other conditions, so its results are not compared")
                print(f"conformance: here: {conditions.line()}")
        else:
            DOCUMENT.write_text(text, encoding="utf-8")
    for line in wrong:
        print(f"conformance: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
