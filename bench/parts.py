"""The parts of the benchmark: each times one thing for all runtimes, and adds what it found to the results."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from memory import memory_floor_bytes
from modes import CALM, STORM, calm_turns, pause_when_calm, storm_blocks
from runtimes import OURS, Executor, Runtime
from stopwatch import RunError
from summary import BURST, Results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from containers import Containers

VERBS = ("create", "state", "start", "delete")
CONTAINERS_AT_ONCE = 100
CALLERS = 8

_WARM_UP = 3
_RUNS_OF_A_ROUND = 20  # of the part that starts containers by the hundred

_Timed = TypeVar("_Timed", Runtime, Runtime | Executor)


@dataclass
class Bench:
    """What the parts share. A runtime that fails in a part is left out of the rest of that part, and a note says so."""

    containers: Containers
    results: Results
    runtimes: list[Runtime]
    executors: list[Executor]
    bundle: Path
    """Of a container that runs `true`."""
    sleeper: Path
    """Of one that sleeps for longer than a part takes."""
    limited: Path
    """Of one that runs `true` with a memory limit, which changes."""
    runs: int
    _failed: set[tuple[str, str]] = field(default_factory=set)

    def all_that_run(self) -> list[Runtime | Executor]:
        """The runtimes, and behind ours the executor and the bare program."""
        ours: list[Runtime | Executor] = [runtime for runtime in self.runtimes if runtime.name in OURS]
        peers = [runtime for runtime in self.runtimes if runtime.name not in OURS]
        return [*ours, *self.executors, *peers]

    def blocks(self, part: str, runtimes: Sequence[_Timed], runs: int) -> Iterator[tuple[_Timed, int]]:
        """What `storm_blocks` says, without the runtimes that have failed in this part."""
        return (block for block in storm_blocks(runtimes, runs) if (part, block[0].name) not in self._failed)

    def turns(self, part: str, runtimes: Sequence[_Timed], runs: int) -> Iterator[_Timed]:
        """What `calm_turns` says, without the runtimes that have failed in this part."""
        return (runtime for runtime in calm_turns(runtimes, runs) if (part, runtime.name) not in self._failed)

    @contextlib.contextmanager
    def failures(self, part: str, runtime: Runtime | Executor) -> Iterator[None]:
        """What fails in this context is noted, and its containers are removed."""
        try:
            yield
        except (RunError, OSError) as error:
            self._failed.add((part, runtime.name))
            self.results.failed(part, runtime.name, str(error), is_ours=runtime.name in OURS)
            self.containers.remove_of(runtime)


def warm_up(bench: Bench, view: str) -> None:
    """Leave out of the benchmark what cannot start a container in this view; a note says why."""
    for runtime in bench.all_that_run():
        try:
            for _ in range(_WARM_UP):
                _warm(bench, runtime)
        except (RunError, OSError) as error:
            bench.results.notes.append(f"not measured on cgroup {view}: {runtime.name}: {error}")
            bench.containers.remove_of(runtime)
            bench.runtimes = [other for other in bench.runtimes if other is not runtime]
            bench.executors = [other for other in bench.executors if other is not runtime]
        else:
            bench.results.versions[runtime.name] = runtime.version


def _warm(bench: Bench, runtime: Runtime | Executor) -> None:
    """One container, all verbs. Not `run`, which youki 0.7 sometimes fails at: that is for its own part to note."""
    if isinstance(runtime, Executor):
        bench.containers.run(runtime, bench.bundle)
    else:
        bench.containers.live(runtime, bench.bundle)


def time_run(bench: Bench, part: str) -> None:
    """`run` of `true`, from nothing to nothing."""
    things = bench.all_that_run()
    for runtime in things:
        with bench.failures(part, runtime):
            for _ in range(_WARM_UP):
                bench.containers.run(runtime, bench.bundle)
    for runtime, size in bench.blocks(part, things, bench.runs):
        with bench.failures(part, runtime):
            times = [bench.containers.run(runtime, bench.bundle) for _ in range(size)]
            bench.results.add(part, STORM, runtime.name, times)
    for runtime in bench.turns(part, things, bench.runs):
        with bench.failures(part, runtime):
            bench.results.add(part, CALM, runtime.name, [bench.containers.run(runtime, bench.bundle)])


def time_exec(bench: Bench, part: str) -> None:
    """`exec` of `true` in a container that runs for as long as this takes, one for each runtime."""
    ids: dict[str, str] = {}
    for runtime in bench.runtimes:
        with bench.failures(part, runtime):
            ids[runtime.name], _ = bench.containers.create(runtime, bench.sleeper)
            bench.containers.start(runtime, ids[runtime.name])
            for _ in range(_WARM_UP):
                bench.containers.exec(runtime, ids[runtime.name])
    for runtime, size in bench.blocks(part, bench.runtimes, bench.runs):
        with bench.failures(part, runtime):
            times = [bench.containers.exec(runtime, ids[runtime.name]) for _ in range(size)]
            bench.results.add(part, STORM, runtime.name, times)
    for runtime in bench.turns(part, bench.runtimes, bench.runs):
        with bench.failures(part, runtime):
            bench.results.add(part, CALM, runtime.name, [bench.containers.exec(runtime, ids[runtime.name])])
    for runtime in bench.runtimes:
        bench.containers.remove_of(runtime)


def time_lifecycle(bench: Bench, part: str) -> None:
    """`create`, `state` of a created container, `start`, and `delete` of an ended one, each by itself.

    In a storm each verb for a block of containers, then the next verb; when calm with a pause before each verb.
    """
    for runtime, size in bench.blocks(part, bench.runtimes, bench.runs):
        with bench.failures(part, runtime):
            _storm_of_lifecycles(bench, runtime, size)
    for runtime in bench.turns(part, bench.runtimes, bench.runs):
        with bench.failures(part, runtime):
            _calm_lifecycle(bench, runtime)


def _storm_of_lifecycles(bench: Bench, runtime: Runtime, size: int) -> None:
    containers, results = bench.containers, bench.results
    created = [containers.create(runtime, bench.bundle) for _ in range(size)]
    ids = [container_id for container_id, _ in created]
    results.add("create", STORM, runtime.name, [elapsed for _, elapsed in created])
    results.add("state", STORM, runtime.name, [containers.state(runtime, container_id) for container_id in ids])
    results.add("start", STORM, runtime.name, [containers.start(runtime, container_id) for container_id in ids])
    for container_id in ids:
        containers.wait(container_id)
    results.add("delete", STORM, runtime.name, [containers.delete(runtime, container_id) for container_id in ids])


def _calm_lifecycle(bench: Bench, runtime: Runtime) -> None:
    containers, results = bench.containers, bench.results
    container_id, elapsed = containers.create(runtime, bench.bundle)
    results.add("create", CALM, runtime.name, [elapsed])
    pause_when_calm()
    results.add("state", CALM, runtime.name, [containers.state(runtime, container_id)])
    pause_when_calm()
    results.add("start", CALM, runtime.name, [containers.start(runtime, container_id)])
    containers.wait(container_id)
    pause_when_calm()
    results.add("delete", CALM, runtime.name, [containers.delete(runtime, container_id)])


def time_parallel(bench: Bench, part: str) -> None:
    """Many containers of `true` from several callers: how long all of them take."""
    for _ in range(max(1, bench.runs // _RUNS_OF_A_ROUND)):
        for runtime, _size in bench.blocks(part, bench.runtimes, 1):
            with bench.failures(part, runtime):
                elapsed = bench.containers.run_many(runtime, bench.bundle, CONTAINERS_AT_ONCE, CALLERS)
                bench.results.add(part, BURST, runtime.name, [elapsed])


def find_memory_floor(bench: Bench, part: str) -> None:
    """The smallest memory limit with which a container starts."""
    for runtime in bench.runtimes:
        with bench.failures(part, runtime):
            floor = memory_floor_bytes(runtime, bench.containers, bench.limited)
            bench.results.memory_floor_bytes[runtime.name] = floor


PARTS = {
    "run": time_run,
    "exec": time_exec,
    "lifecycle": time_lifecycle,
    "parallel": time_parallel,
    "v2": time_run,
    "memory": find_memory_floor,
}
