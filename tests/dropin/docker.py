"""A Docker daemon of the test's own, without a network, and its client."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from e2e.waiting import DEADLINE_S, wait_until

from .tool import Answer, Tool

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "box"


class Docker(Tool):
    """`docker` and its daemon, whose containers are below the cgroup `/TOKEN`."""

    def __init__(self, directory: Path, token: str, configuration: str) -> None:
        socket = f"unix://{directory}/docker.sock"
        super().__init__(["docker", "--host", socket], directory, {"E2E_TOKEN": token})
        (directory / "daemon.json").write_text(configuration)
        options = ["--config-file", directory / "daemon.json", "--host", socket, "--pidfile", directory / "pid"]
        options += ["--data-root", directory / "data", "--exec-root", directory / "exec", "--storage-driver", "vfs"]
        options += ["--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        self._daemon = ["dockerd", *map(str, options), "--cgroup-parent", f"/{token}"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        log_path = self.directory / "dockerd.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._daemon, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, cwd=self.directory
            )
        wait_until(lambda: self.answer("version").code == 0, f"an answer of dockerd: {log_path}")

    def stop(self) -> None:
        """End the daemon, and with it its containers and its containerd."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=DEADLINE_S)

    def run(self, *words: str | Path, code: int = 0, stdin: str = "") -> Answer:
        """`docker run`: options, then `IMAGE`, then the program's words."""
        return self("run", "--network", "none", *words, code=code, stdin=stdin)
