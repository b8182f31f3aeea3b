"""The containers that a benchmark makes, verb by verb. What is left of them in the end is removed."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from children import exit_code, reap
from stopwatch import RunError, Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from runtimes import Executor, Runtime

_END_OF_TRUE_S = 30


class Containers(AbstractContextManager["Containers"]):
    """Makes containers, and times it in milliseconds. All methods but `remove` raise RunError when a verb fails."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._watch = Stopwatch(directory / "said")
        self._numbers = itertools.count()
        self._owners: dict[str, Runtime | Executor] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove(list(self._owners))
        # crun that cannot start leaves its cgroup. rmdir takes empty ones only, and they are named after us.
        for cgroup in sorted(Path("/sys/fs/cgroup").rglob(f"bench-{os.getpid()}-*"), reverse=True):
            with contextlib.suppress(OSError):
                cgroup.rmdir()

    def new_id(self) -> str:
        """The id of a container that does not exist yet."""
        return f"bench-{os.getpid()}-{next(self._numbers)}"

    def run(self, runtime: Runtime | Executor, bundle: Path) -> float:
        """The time that a container takes from nothing to nothing."""
        return self._run([self.new_id()], runtime, bundle, 1)

    def run_many(self, runtime: Runtime, bundle: Path, count: int, callers: int) -> float:
        """The time that many of them take, with several callers at once."""
        return self._run([self.new_id() for _ in range(count)], runtime, bundle, callers)

    def _run(self, ids: list[str], runtime: Runtime | Executor, bundle: Path, callers: int) -> float:
        self._owners |= dict.fromkeys(ids, runtime)
        commands = [runtime.run_command(bundle, container_id) for container_id in ids]
        if len(commands) == 1:
            elapsed = self._watch.time("run", commands[0], runtime.environment)
        else:
            elapsed = self._watch.time_all("run", commands, runtime.environment, callers)
        for container_id in ids:
            del self._owners[container_id]
        reap()
        return elapsed

    def create(self, runtime: Runtime, bundle: Path) -> tuple[str, float]:
        """The id of a created container, and the time that took."""
        container_id = self.new_id()
        self._owners[container_id] = runtime
        arguments = ("--bundle", str(bundle), "--pid-file", str(self._pid_file(container_id)), container_id)
        return container_id, self._time(runtime, "create", *arguments)

    def state(self, runtime: Runtime, container_id: str) -> float:
        """The time that the answer takes."""
        return self._time(runtime, "state", container_id)

    def start(self, runtime: Runtime, container_id: str) -> float:
        """The time until `start` is back. The container may go on."""
        return self._time(runtime, "start", container_id)

    def exec(self, runtime: Runtime, container_id: str) -> float:
        """The time that `true` takes in a running container."""
        return self._time(runtime, "exec", container_id, "true")

    def wait(self, container_id: str) -> None:
        """Wait until the init of a container of `true` has ended well, and is reaped."""
        pid = int(self._pid_file(container_id).read_text(encoding="ascii"))
        code = exit_code(pid, _END_OF_TRUE_S)
        if code is None:
            raise RunError(f"its process {pid} has not ended {_END_OF_TRUE_S} s after its start")
        if code != 0:
            raise RunError(f"its process {pid} ended with status {code}")

    def delete(self, runtime: Runtime, container_id: str) -> float:
        """The time that it takes to remove an ended container."""
        elapsed = self._time(runtime, "delete", container_id)
        del self._owners[container_id]
        self._pid_file(container_id).unlink()
        return elapsed

    def live(self, runtime: Runtime, bundle: Path) -> None:
        """A whole life of a container of `true`, verb by verb."""
        container_id, _ = self.create(runtime, bundle)
        self.state(runtime, container_id)
        self.start(runtime, container_id)
        self.wait(container_id)
        self.delete(runtime, container_id)

    def remove(self, container_ids: Iterable[str]) -> None:
        """Remove containers whatever they are; failures are no matter, as after a failure not all of it is there."""
        for container_id in container_ids:
            runtime = self._owners.pop(container_id)
            command = runtime.remove_command(container_id)
            environment = {**runtime.environment, "ORUN_PLANNER": "cold"}  # the resident one may be why we are here
            subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
        reap()

    def remove_of(self, runtime: Runtime | Executor) -> None:
        """Remove the containers that one runtime has."""
        self.remove([container_id for container_id, owner in self._owners.items() if owner is runtime])

    def _pid_file(self, container_id: str) -> Path:
        return self._directory / f"{container_id}.pid"

    def _time(self, runtime: Runtime, verb: str, *arguments: str) -> float:
        return self._watch.time(verb, runtime.command(verb, *arguments), runtime.environment)
