"""Times container starts, in two modes, because the kernel makes them differ by a factor of four.

*Storm*: one runtime's starts right behind one another, in blocks. *Calm*: a pause before each start, runtimes in random
order. Never one runtime right behind another: the kernel's deferred teardown of the first (namespaces, cgroups, mounts)
would be charged to the second.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runtimes import Runtime

BLOCK = 20
_PAUSE_BETWEEN_BLOCKS_S = 0.5
_PAUSE_WHEN_CALM_S = 0.05
_WARM_UP = 3

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_ids = itertools.count()


class RunError(Exception):
    """A runtime did not run the container."""


class Stopwatch:
    """Runs one container after another. What they say goes to a file, which a failure quotes."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors

    def run(self, runtime: Runtime) -> float:
        """Run one container to its end, and return the time that took in milliseconds.

        posix_spawn and wait4, as nothing else is exact: subprocess polls as soon as it has a timeout.

        Raises:
            RunError: its exit status was not 0.
        """
        argv = runtime.argv(f"bench-{os.getpid()}-{next(_ids)}")
        file_actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(self._errors), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        begin = time.perf_counter_ns()
        pid = os.posix_spawn(runtime.program, argv, _ENVIRONMENT, file_actions=file_actions)
        _, status, _ = os.wait4(pid, 0)
        elapsed = time.perf_counter_ns() - begin
        if status != 0:
            said = self._errors.read_text(encoding="utf-8", errors="replace").strip()
            code = os.waitstatus_to_exitcode(status)
            raise RunError(f"{runtime.name}: exit status {code}: {said.splitlines()[-1] if said else 'no word'}")
        return elapsed / 1e6


def usable(runtimes: list[Runtime], watch: Stopwatch) -> Iterator[tuple[Runtime, str | None]]:
    """Each runtime warmed up, with the reason why it cannot be measured, or None."""
    for runtime in runtimes:
        try:
            for _ in range(_WARM_UP):
                watch.run(runtime)
        except (RunError, OSError) as error:
            yield runtime, str(error)
        else:
            yield runtime, None


def storm(runtimes: list[Runtime], runs: int, time_one: Callable[[Runtime], float]) -> dict[str, list[float]]:
    """Times of starts right behind one another: at least `runs` of each runtime, in whole blocks."""
    times: dict[str, list[float]] = {runtime.name: [] for runtime in runtimes}
    blocks = [runtime for runtime in runtimes for _ in range(-(-runs // BLOCK))]
    random.shuffle(blocks)
    for runtime in blocks:
        time.sleep(_PAUSE_BETWEEN_BLOCKS_S)
        times[runtime.name] += [time_one(runtime) for _ in range(BLOCK)]
    return times


def calm(runtimes: list[Runtime], runs: int, time_one: Callable[[Runtime], float]) -> dict[str, list[float]]:
    """Times of starts with a pause before each, the runtimes in random order."""
    times: dict[str, list[float]] = {runtime.name: [] for runtime in runtimes}
    order = [runtime for runtime in runtimes for _ in range(runs)]
    random.shuffle(order)
    for runtime in order:
        time.sleep(_PAUSE_WHEN_CALM_S)
        times[runtime.name].append(time_one(runtime))
    return times


def peak_memory_bytes(runtime: Runtime, seconds: float) -> int | None:
    """The most memory that a runtime itself had resident, read while its container sleeps for `seconds`.

    From /proc and not from wait4: a spawned child's ru_maxrss begins with that of the interpreter that spawned it.
    """
    pid = os.posix_spawn(runtime.program, runtime.argv(f"bench-{os.getpid()}-{next(_ids)}"), _ENVIRONMENT)
    time.sleep(seconds / 2)
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        status = rollup = ""
    os.waitpid(pid, 0)
    return (
        max((_field_kib(text, name) for text, name in ((status, "VmHWM:"), (rollup, "Rss:"))), default=0) * 1024 or None
    )


def _field_kib(text: str, name: str) -> int:
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
