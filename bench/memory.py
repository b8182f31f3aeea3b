"""Memory: the smallest limit with which a runtime can start a container, and what the executor itself takes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bundle import limit_memory
from stopwatch import RunError

if TYPE_CHECKING:
    from containers import Containers
    from runtimes import Executor, Runtime

_LEAST = 64 << 10
_MOST = 64 << 20
_TRIES = 3


def memory_floor_bytes(runtime: Runtime, containers: Containers, bundle: Path) -> int | None:
    """The smallest power of two that does as memory limit, three times out of three; None when 64 MiB do not.

    The bundle's limit is changed on the way.
    """
    limit = _LEAST
    while limit <= _MOST:
        limit_memory(bundle, limit)
        try:
            for _ in range(_TRIES):
                containers.live(runtime, bundle)
        except RunError:
            containers.remove_of(runtime)
            limit *= 2
        else:
            return limit
    return None


def peak_memory_bytes(executor: Executor, seconds: float) -> int | None:
    """The most memory that the executor itself had resident, read while its container sleeps for `seconds`.

    From /proc and not from wait4: a spawned child's ru_maxrss begins with that of the interpreter that spawned it.
    """
    pid = os.posix_spawn(executor.program, executor.run_command(Path(), ""), executor.environment)
    time.sleep(seconds / 2)
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        status = rollup = ""
    os.waitpid(pid, 0)
    peak_kib = max(_field_kib(status, "VmHWM:"), _field_kib(rollup, "Rss:"))
    return peak_kib * 1024 or None


def _field_kib(text: str, name: str) -> int:
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
