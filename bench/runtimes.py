"""What is measured: our runtime, the executor alone, and the peers that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ORUN = REPOSITORY / ".venv" / "bin" / "orun"
EXECUTOR = REPOSITORY / "build" / "orun-exec-plan"

# Looked up on PATH; more come by ORLOP_BENCH_PEERS="NAME=PROGRAM ...".
_PEERS = ("runc", "crun", "youki", "runc-1.5", "crun-1.27")


@dataclass(frozen=True)
class Runtime:
    """One program to measure. `arguments` may hold `{id}`, for a name of a container of its own."""

    name: str
    program: str
    arguments: tuple[str, ...]
    version: str

    def argv(self, container_id: str) -> list[str]:
        """The command line that runs one container to its end."""
        return [self.program, *(argument.replace("{id}", container_id) for argument in self.arguments)]


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout or done.stderr).strip().split("\n", 1)[0]


def _oci_runtime(name: str, program: str, bundle: Path, root: Path) -> Runtime:
    arguments = ("--root", str(root / name), "run", "--bundle", str(bundle), "{id}")
    return Runtime(name, program, arguments, _first_line(program, "--version"))


def found_peers() -> dict[str, str]:
    """Other runtimes by name: Debian's on PATH, and those that the environment names."""
    peers = {
        name: path for name in _PEERS if (path := shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin"))
    }
    for entry in os.environ.get("ORLOP_BENCH_PEERS", "").split():
        name, _, program = entry.partition("=")
        peers[name] = program
    return peers


def all_runtimes(bundle: Path, root: Path, plan: Path | None) -> list[Runtime]:
    """Everything that can be measured here, ours first."""
    runtimes = []
    if ORUN.exists():
        runtimes.append(_oci_runtime("orun", str(ORUN), bundle, root))
    if plan is not None and EXECUTOR.exists():
        runtimes.append(Runtime("executor", str(EXECUTOR), (str(plan),), "orun's executor alone, its plan made before"))
    runtimes += [_oci_runtime(name, program, bundle, root) for name, program in found_peers().items()]
    return runtimes
