"""A process that swaps two directory entries without a pause, for races with whoever walks the path."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from .orphans import keep
from .waiting import wait_readable

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """
import ctypes, sys
swap = ctypes.CDLL(None).renameat2
first, second = sys.argv[1].encode(), sys.argv[2].encode()
print("ready", flush=True)
while True:
    if swap(-100, first, -100, second, 2):
        sys.exit("renameat2 failed")
"""


class Exchange:
    """Swaps `first` and `second` (renameat2, RENAME_EXCHANGE) until it is closed."""

    def __init__(self, first: Path, second: Path) -> None:
        words = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(first), str(second)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE)
        keep(self._process.pid)
        assert self._process.stdout is not None
        wait_readable(self._process.stdout.fileno(), "the swapping process")

    def close(self) -> None:
        """End it. It must have been at work all the time."""
        assert self._process.poll() is None, "the swapping process ended early"
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
