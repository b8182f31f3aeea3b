"""conmon by itself: the monitor that podman and CRI-O put between themselves and the runtime."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from typing import TYPE_CHECKING, Any

from e2e.waiting import DEADLINE_S, wait_readable, wait_until

if TYPE_CHECKING:
    from pathlib import Path

_STDOUT, _STDERR = 2, 3  # the first byte of what conmon sends over an attach socket


class Conmon:
    """What one container's or exec's conmon is told, and the files it leaves. Its ids are the container's."""

    def __init__(self, runtime: Path, directory: Path, container_id: str, environment: dict[str, str]) -> None:
        self.id = container_id
        self.directory = directory
        self.exit_directory = directory / "exits"
        self.log = directory / "container.log"
        self._runtime = runtime
        self._environment = environment
        self.exit_directory.mkdir()

    def start(self, bundle: Path, *options: str | Path) -> dict[str, Any]:
        """Have conmon create the container (or with `--exec` start a process), and return what it reports of it."""
        command: list[str | Path] = ["conmon", "--api-version", "1", "--runtime", self._runtime, "--bundle", bundle]
        command += ["--cid", self.id, "--cuuid", self.id, "--name", self.id]
        command += ["--exit-dir", self.exit_directory, "--socket-dir-path", self.directory]
        command += ["--log-path", f"k8s-file:{self.log}", "--container-pidfile", self.directory / "pid"]
        command += ["--conmon-pidfile", self.directory / "conmon.pid"]
        command += ["--runtime-arg", "--root", "--runtime-arg", self.directory / "root", *options]
        reports, report_fd = os.pipe()
        start_fd, start = os.pipe()
        os.write(start, b"0")  # the byte that podman writes when conmon's own cgroup is settled
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(report_fd, start_fd),
            env=self._environment | {"_OCI_SYNCPIPE": str(report_fd), "_OCI_STARTPIPE": str(start_fd)},
            cwd=self.directory,
        )
        for fd in (report_fd, start_fd, start):
            os.close(fd)
        assert process.wait(timeout=DEADLINE_S) == 0  # it goes on in the background
        with os.fdopen(reports) as lines:
            wait_readable(lines.fileno(), "conmon's report")
            report: dict[str, Any] = json.loads(lines.readline())
        return report

    def pid(self) -> int:
        """What the runtime wrote to its `--pid-file`."""
        return int((self.directory / "pid").read_text())

    def exit_code(self) -> int:
        """Wait for the process's end, and return what conmon wrote of it."""
        path = self.exit_directory / self.id
        wait_until(path.exists, f"conmon's exit file of {self.id}")
        return int(path.read_text())

    def log_lines(self) -> list[str]:
        """The log without times: `stdout F words`."""
        return [line.split(" ", 1)[1] for line in self.log.read_text().splitlines()]

    def attach(self) -> Attached:
        """A client of the container's standard streams."""
        return Attached(self.directory / self.id / "attach")


class Attached:
    """A connection to conmon's attach socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(DEADLINE_S)
        self._socket.connect(str(path))

    def send(self, text: str) -> None:
        """To the program's stdin."""
        self._socket.send(text.encode())

    def end(self) -> None:
        """No more for stdin."""
        self._socket.shutdown(socket.SHUT_WR)

    def received(self) -> dict[str, str]:
        """All that the program writes until its end, by stream."""
        streams = {"stdout": "", "stderr": ""}
        with self._socket:
            while packet := self._socket.recv(1 << 16):
                stream = {_STDOUT: "stdout", _STDERR: "stderr"}[packet[0]]
                streams[stream] += packet[1:].decode()
        return streams
