"""Who pulls in the pull benchmark, each into an empty store: `orlop` and the peers of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtimes import REPOSITORY, first_line, peers_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

ORLOP = REPOSITORY / ".venv" / "bin" / "orlop"
_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Puller:
    """One way to pull. `daemon` is started before, and not timed; it belongs to the processes whose memory counts."""

    name: str
    version: str
    daemon: tuple[str, ...]
    command: tuple[str, ...]
    configuration: str = ""

    def in_store(self, store: Path, image: str) -> Puller:
        """The same with its placeholders filled in: STORE, a directory, and IMAGE."""
        fill = {"STORE": str(store), "IMAGE": image}
        return Puller(
            self.name,
            self.version,
            tuple(_filled(word, fill) for word in self.daemon),
            tuple(_filled(word, fill) for word in self.command),
            _filled(self.configuration, fill),
        )


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def orlop(snapshotter: str) -> Puller:
    """`orlop pull` with one snapshotter."""
    command = (str(ORLOP), "--root", "STORE/root", "--state", "STORE/state", "--snapshotter", snapshotter)
    return Puller(f"orlop {snapshotter}", first_line(str(ORLOP), "--version"), (), (*command, "pull", "-q", "IMAGE"))


def podman() -> Puller | None:
    """`podman pull`, if there is one."""
    program = shutil.which("podman")
    if program is None:
        return None
    command = (program, "--root", "STORE/root", "--runroot", "STORE/run", "--storage-driver", "overlay")
    pull = ("pull", "-q", "--tls-verify=false", "IMAGE")
    return Puller("podman", first_line(program, "--version"), (), (*command, *pull))


def containerds() -> list[Puller]:
    """`ctr images pull` with Debian's containerd, and with newer ones."""
    debian = shutil.which("containerd")
    programs = [Path(debian)] if debian else []
    programs += sorted(peers_directory().glob("containerd-*/containerd"))
    return [_containerd(program, is_first=number == 0) for number, program in enumerate(programs)]


def _containerd(program: Path, *, is_first: bool) -> Puller:
    version = first_line(str(program), "--version")
    number = version.split()[2].split("~")[0].split("+")[0].removeprefix("v") if len(version.split()) > 2 else "?"
    ctr = (str(program.with_name("ctr")), "--address", "STORE/sock")
    return Puller(
        "containerd" if is_first else f"containerd {number}",
        version,
        (str(program), "--config", "STORE/config.toml"),
        (*ctr, "images", "pull", "--plain-http", "IMAGE"),
        'version = 2\nroot = "STORE/root"\nstate = "STORE/state"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri"]\n'
        '[grpc]\naddress = "STORE/sock"\n[plugins."io.containerd.internal.v1.opt"]\npath = "STORE/opt"\n',
    )


@contextlib.contextmanager
def daemon_of(puller: Puller, store: Path) -> Iterator[int]:
    """The pid of its running daemon; 0 where it has none."""
    if not puller.daemon:
        yield 0
        return
    (store / "config.toml").write_text(puller.configuration, encoding="utf-8")
    with (store / "log").open("wb") as log, subprocess.Popen(puller.daemon, stdout=log, stderr=log) as process:
        try:
            _wait_for_answer((*puller.command[:3], "version"), store / "log")
            yield process.pid
        finally:
            process.terminate()


def _wait_for_answer(command: tuple[str, ...], log: Path) -> None:
    end = time.monotonic() + _DEADLINE_S
    while subprocess.run(command, capture_output=True, check=False, timeout=_DEADLINE_S).returncode != 0:
        if time.monotonic() > end:
            raise RuntimeError(f"no answer: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.1)


def resident_bytes(root_pids: list[int]) -> int:
    """What these processes and all below them have resident now; pages that they share count for each."""
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    page = os.sysconf("SC_PAGE_SIZE")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(entry.name)] = int(fields[1])
            sizes[int(entry.name)] = int(fields[21]) * page
    below = set(root_pids)
    while True:
        more = {pid for pid, parent in parents.items() if parent in below} - below
        if not more:
            return sum(size for pid, size in sizes.items() if pid in below)
        below |= more
