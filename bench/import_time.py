"""What the imports of a cold `orun run` cost: `python bench/import_time.py [--write-docs]`.

Takes the least of several runs for each module: what is above that is the machine's noise.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_REPOSITORY / "tests"))

from report import between_markers  # noqa: E402 (stands below the path, with the other)
from structure.cold_planner import answer  # noqa: E402 (the path must be there first)

_DOCUMENT = _REPOSITORY / "docs" / "performance.md"
_RUNS = 15
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")


def _times(stderr: str) -> dict[str, int]:
    """Microseconds of each module itself."""
    return {match[4]: int(match[1]) for match in _LINE.finditer(stderr)}


def _least(runs: list[dict[str, int]]) -> dict[str, int]:
    return {name: min(run.get(name, 1 << 30) for run in runs) for name in runs[0]}


def _bundle(directory: Path) -> None:
    orun = _REPOSITORY / ".venv" / "bin" / "orun"
    subprocess.run([orun, "spec"], cwd=directory, check=True, timeout=60)
    configuration = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    configuration["process"]["terminal"] = False
    (directory / "config.json").write_text(json.dumps(configuration), encoding="utf-8")
    (directory / "rootfs").mkdir()
    (directory / "state").mkdir()


def _installed() -> Path:
    """The script of the installed planner, which is byte-compiled; the source tree need not be."""
    (cold,) = (_REPOSITORY / ".venv").glob("lib/python3*/site-packages/orlop/runtime/cold.py")
    return cold


def _lines() -> list[str]:
    idle = [sys.executable, "-I", "-S", "-X", "importtime", "-c", "pass"]
    before = _least(
        [
            _times(subprocess.run(idle, capture_output=True, text=True, check=True, timeout=60).stderr)
            for _ in range(_RUNS)
        ]
    )
    runs = []
    for _ in range(_RUNS):
        with tempfile.TemporaryDirectory(prefix="orlop-imports-") as name:
            _bundle(Path(name))
            command = ["--root", f"{name}/state", "run", "c"]
            runs.append(_times(answer(command, name, "-X", "importtime", cold=_installed()).stderr))
    after = _least(runs)
    added = {name: time for name, time in after.items() if name not in before}
    ours = sum(time for name, time in added.items() if name.startswith("orlop"))
    lines = ["| module | us |", "| --- | ---: |"]
    lines += [f"| the interpreter's own ({len(before)} modules) | {sum(before.values())} |"]
    shown = sorted(added.items(), key=lambda item: -item[1])
    lines += [f"| `{name}` | {time} |" for name, time in shown[:15]]
    lines += [f"| {len(shown) - 15} more | {sum(time for _, time in shown[15:])} |"]
    lines += [
        f"| sum of what the planner adds ({len(added)} modules, {ours} us of them ours) | {sum(added.values())} |"
    ]
    return lines


def main() -> int:
    """Print the table, and put it into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    lines = _lines()
    print("\n".join(lines))
    if options.write_docs:
        document = _DOCUMENT.read_text(encoding="utf-8")
        _DOCUMENT.write_text(between_markers(document, "imports", lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
