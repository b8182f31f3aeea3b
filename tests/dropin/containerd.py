"""A containerd daemon of the test's own, and its client `ctr`."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from e2e.waiting import DEADLINE_S, wait_until

from .tool import Answer, Tool

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "docker.io/local/box:latest"  # written out, as CRI looks it up

# For `ctr`: without what opens sockets that all daemons of a machine share.
CONFIGURATION = """\
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri"]
"""


class Containerd:
    """The daemon: its state is below `directory`, and its containers are below the cgroup `/TOKEN`."""

    def __init__(self, programs: Path, directory: Path, token: str, configuration: str) -> None:
        self.directory = directory
        self.token = token
        self.socket = directory / "containerd.sock"
        self._programs = programs
        self._environment = {"PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin:/sbin", "E2E_TOKEN": token}
        self._configuration = directory / "containerd.toml"
        self._configuration.write_text(self._with_own_places(configuration))
        self._process: subprocess.Popen[bytes] | None = None
        self._ctr = Tool([programs / "ctr", "--address", self.socket], directory, self._environment)

    def _with_own_places(self, configuration: str) -> str:
        version, _, rest = configuration.partition("\n")
        assert version.startswith("version = "), "a containerd configuration begins with its version"
        places = [version, f'root = "{self.directory}/root"', f'state = "{self.directory}/state"']
        tables = ["[grpc]", f'address = "{self.socket}"']
        tables += ['[plugins."io.containerd.internal.v1.opt"]', f'path = "{self.directory}/opt"']
        return "\n".join([*places, rest, *tables, ""])

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        with (self.directory / "containerd.log").open("ab") as log:
            command: list[str | Path] = [self._programs / "containerd", "--config", self._configuration]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, cwd=self.directory
            )
        wait_until(
            lambda: self._ctr.answer("version").code == 0, f"an answer of containerd: {self.directory}/containerd.log"
        )

    def stop(self) -> None:
        """End the daemon; containers and their shims go on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=DEADLINE_S)
            self._process = None

    def ctr(self, *words: str | Path, code: int = 0, stdin: str = "") -> Answer:
        """`ctr WORDS`, which must end with this exit code."""
        return self._ctr(*words, code=code, stdin=stdin)

    def answer(self, *words: str | Path) -> Answer:
        """The same, whatever the exit code is."""
        return self._ctr.answer(*words)

    def run(
        self, runtime: Path, container_id: str, *words: str, options: tuple[str, ...] = (), code: int = 0
    ) -> Answer:
        """`ctr run` with the runtime in the place of runc."""
        cgroup = ("--cgroup", f"/{self.token}/{container_id}")
        return self.ctr("run", "--runc-binary", runtime, *cgroup, *options, IMAGE, container_id, *words, code=code)

    def task_status(self, container_id: str) -> str:
        """RUNNING, PAUSED, STOPPED, or "" when there is no such task."""
        lines = [line.split() for line in self.ctr("task", "ls").out.splitlines()]
        return next((line[2] for line in lines if line[0] == container_id), "")

    def remove_all(self) -> None:
        """Remove every task and container."""
        for container_id in self.ctr("container", "ls", "--quiet").out.split():
            self.answer("task", "delete", "--force", container_id)
            self.ctr("container", "rm", container_id)
