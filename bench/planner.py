"""The resident planner that serves the warm rows: started for one view of the benchmark, and stopped after it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

_READY_S = 20
_STOP_S = 20


class PlannerError(Exception):
    """There is no resident planner; the message says why."""


class Planner(AbstractContextManager["Planner"]):
    """`orun planner` on a socket of its own, serving while the context lasts."""

    def __init__(self, orun: Path, directory: Path) -> None:
        self.socket = directory / "planner.sock"
        self._command = [str(orun), "planner", "--socket", str(self.socket)]
        self._said = directory / "planner.said"

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            PlannerError: it ended, or made no socket in time.
        """
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        deadline = time.monotonic() + _READY_S
        while not self.socket.is_socket():
            if self._process.poll() is not None:
                raise PlannerError(self._last_line() or f"it ended with status {self._process.returncode}")
            if time.monotonic() > deadline:
                self._stop()
                raise PlannerError(f"it made no socket in {_READY_S} s")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def resident_bytes(self) -> int:
        """The memory that it has resident now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
            return
        self._process.kill()
        self._process.wait()

    def _last_line(self) -> str:
        lines = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
