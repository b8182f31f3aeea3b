"""What is measured: `orun` with a planner and without, its executor alone, and the peers that this machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[1]
ORUN = REPOSITORY / ".venv" / "bin" / "orun"
EXECUTOR = REPOSITORY / "build" / "orun-exec-plan"

WARM, COLD, ALONE = "orun warm", "orun cold", "executor"
BARE = "no container"
OURS = (WARM, COLD, ALONE)

_PEERS = ("runc", "crun", "youki")
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Runtime:
    """An OCI runtime with a state root of its own. `environment` is all that its commands get."""

    name: str
    program: str
    version: str
    root: Path
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    remover: str = ""
    """The program that removes containers, if `program` may not be able to any more."""

    def command(self, verb: str, *arguments: str) -> list[str]:
        """The command line of a verb."""
        return [self.program, "--root", str(self.root), verb, *arguments]

    def run_command(self, bundle: Path, container_id: str) -> list[str]:
        """The command line that runs one container to its end."""
        return self.command("run", "--bundle", str(bundle), container_id)

    def remove_command(self, container_id: str) -> list[str]:
        """The command line that removes a container whatever its state."""
        return [self.remover or self.program, *self.command("delete", "--force", container_id)[1:]]


@dataclass(frozen=True)
class Executor:
    """orun's C half without a planner: it can do nothing but run the one plan that was made for it before."""

    program: str
    plan: Path
    name: str = ALONE
    version: str = "orun's executor alone, its plan made before"
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": _PATH})

    def run_command(self, _bundle: Path, _container_id: str) -> list[str]:
        """The command line that runs one container to its end. Bundle and id are in the plan already."""
        return [self.program, str(self.plan)]

    def remove_command(self, _container_id: str) -> list[str]:
        """A command that does nothing: the plan's own cleanup section has removed what there was."""
        return ["/bin/true"]


@dataclass(frozen=True)
class Bare(Executor):
    """The container's program by itself: what starting and ending a process costs here, which every start has twice."""

    name: str = BARE
    version: str = "the container's program, started without any runtime: two of these are in every start"

    def run_command(self, bundle: Path, _container_id: str) -> list[str]:
        """The command line that runs the bundle's program on the host."""
        return [str(bundle / "rootfs" / "bin" / "true")]


def peers_directory() -> Path:
    """Where newer peers are, each in a directory of its version or all in `bin`: what scripts/peers says."""
    if chosen := os.environ.get("ORLOP_PEERS"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orlop-peers"


def found_peers(path: str, newer: Path) -> Iterator[tuple[str, str, str]]:
    """Name, program and version of each peer on a search path, then of newer ones, below a directory.

    The first of a kind has its bare name, which is what our targets speak of; others have their version in their names.
    """
    seen: set[tuple[str, str]] = set()
    for kind, program in (*_on_path(path), *_in_directories(newer)):
        version = first_line(program, "--version")
        number = match[0] if (match := _VERSION.search(version)) else "?"
        is_first = all(kind != other for other, _ in seen)
        if (kind, number) not in seen:
            seen.add((kind, number))
            yield kind if is_first else f"{kind} {number}", program, version


def _on_path(path: str) -> list[tuple[str, str]]:
    return [(kind, program) for kind in _PEERS if (program := shutil.which(kind, path=path))]


def _in_directories(parent: Path) -> list[tuple[str, str]]:
    """Executables that are called `runc`, `runc-1.5.2`, `runc.amd64` or the like; not what is being built (`.NAME`)."""
    found = []
    for program in sorted(parent.glob("[!.]*/*")):
        kind = re.split(r"[^a-z]", program.name, maxsplit=1)[0]
        if kind in _PEERS and program.is_file() and os.access(program, os.X_OK):
            found.append((kind, str(program)))
    return found


def first_line(*command: str) -> str:
    """What a command says first; or why it could not be started."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except OSError as error:
        return str(error)
    return (done.stdout or done.stderr).strip().split("\n", 1)[0]


def warm_runtime(roots: Path, planner_socket: Path) -> Runtime:
    """`orun` that asks a resident planner. It has no other: a copy in an empty directory, where it finds none to start.

    So a planner that refuses it is a failure here, and not a cold start that is called warm.
    """
    root = _root(roots, WARM)
    program = root.with_suffix(".bin") / ORUN.name
    program.parent.mkdir()
    shutil.copy(ORUN, program)
    return _our_runtime(WARM, str(program), root, str(planner_socket))


def cold_runtime(roots: Path) -> Runtime:
    """`orun` that starts a planner for each command."""
    return _our_runtime(COLD, str(ORUN), _root(roots, COLD), "cold")


def _our_runtime(name: str, program: str, root: Path, planner: str) -> Runtime:
    environment = {"PATH": _PATH, "ORUN_PLANNER": planner}
    return Runtime(name, program, first_line(str(ORUN), "--version"), root, environment, str(ORUN))


def _root(roots: Path, name: str) -> Path:
    return roots / name.replace(" ", "-")


def peer_runtimes(roots: Path) -> list[Runtime]:
    """All peers of this machine, Debian's first."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [
        Runtime(name, program, version, _root(roots, name))
        for name, program, version in found_peers(path, peers_directory())
    ]
