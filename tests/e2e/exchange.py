"""A process that swaps two directory entries without a pause, for races with whoever walks the path."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

from .orphans import keep
from .waiting import wait_readable

if TYPE_CHECKING:
    from collections.abc import Iterator
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


@contextlib.contextmanager
def exchanging(first: Path, second: Path) -> Iterator[None]:
    """Swaps `first` and `second` (renameat2, RENAME_EXCHANGE) while the block runs; fails if that ends before it."""
    words = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(first), str(second)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        keep(process.pid)
        try:
            assert process.stdout is not None
            wait_readable(process.stdout.fileno(), "the swapping process")
            yield
            assert process.poll() is None, "the swapping process ended early"
        finally:
            process.kill()
