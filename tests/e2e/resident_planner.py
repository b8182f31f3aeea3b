"""A resident planner of the runtime under test, and how many requests it has accepted."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from types import TracebackType


class ResidentPlanner:
    """`orun planner` on a socket, from `with` to its end."""

    def __init__(self, program: Path, socket: Path, *words: str, environment: dict[str, str] | None = None) -> None:
        self.socket = socket
        self._command = [str(program), "planner", "--socket", str(socket), *words]
        self._environment = environment
        self._messages = socket.with_suffix(".log")

    def __enter__(self) -> Self:
        with self._messages.open("wb") as messages:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stderr=messages, env=self._environment
            )
        wait_until(lambda: b"serving on" in self._messages.read_bytes(), "the planner's start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(DEADLINE_S)

    @property
    def pid(self) -> int:
        """Its pid."""
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL it."""
        self._process.kill()
        self._process.wait(DEADLINE_S)

    def messages(self) -> str:
        """What it said on stderr."""
        return self._messages.read_text(encoding="utf-8")

    def accepted(self) -> int:
        """How many requests it has accepted: it says so when it gets SIGUSR1."""
        before = self.messages().count("accepted requests:")
        os.kill(self.pid, signal.SIGUSR1)
        wait_until(lambda: self.messages().count("accepted requests:") > before, "the planner's count")
        return int(self.messages().rsplit("accepted requests:", 1)[1].split(",")[0])

    def resident_kib(self) -> int:
        """Its own memory in KiB (RssAnon): pages of files come and go with what else the machine does."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))

    def fds(self) -> int:
        """How many fds it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
