"""The time that one command takes, or many at once."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class RunError(Exception):
    """A command did not do what was to be timed."""


class Stopwatch:
    """Times commands. What they say goes to a file, which a failure quotes.

    posix_spawn and wait4, as nothing else is exact: subprocess polls as soon as it has a timeout.
    """

    def __init__(self, said: Path, timeout_s: float = 20) -> None:
        self._said = said
        self._timeout_s = timeout_s

    def time(self, verb: str, command: list[str], environment: Mapping[str, str]) -> float:
        """Run a command to its end, and return the time that took in milliseconds. The verb is for failures.

        Raises:
            RunError: its exit status was not 0, or it did not end in time and was killed.
        """
        running: set[int] = set()
        with self._ending(verb, running, self._timeout_s):
            begin = time.perf_counter_ns()
            pid = self._spawn(command, environment)
            running.add(pid)
            _, status, _ = os.wait4(pid, 0)
            elapsed = time.perf_counter_ns() - begin
            running.remove(pid)
        self._check(verb, status)
        return elapsed / 1e6

    def time_all(self, verb: str, commands: list[list[str]], environment: Mapping[str, str], callers: int) -> float:
        """Run commands, as many at a time as there are callers; the milliseconds that all of them take together.

        Raises:
            RunError: an exit status was not 0, or not all ended in time, and the rest was killed.
        """
        waiting = iter(commands)
        running: set[int] = set()
        statuses: list[int] = []
        with self._ending(verb, running, 2 * self._timeout_s):
            begin = time.perf_counter_ns()
            while True:
                while len(running) < callers and (command := next(waiting, None)) is not None:
                    running.add(self._spawn(command, environment))
                if not running:
                    break
                pid, status = os.wait()
                if pid in running:  # others are orphans that were left to us
                    running.remove(pid)
                    statuses.append(status)
            elapsed = time.perf_counter_ns() - begin
        for status in statuses:
            self._check(verb, status)
        return elapsed / 1e6

    @contextlib.contextmanager
    def _ending(self, verb: str, running: set[int], timeout_s: float) -> Iterator[None]:
        """Raise RunError in this context when it lasts for too long; whatever is raised, kill what runs."""

        def too_long(_number: int, _frame: object) -> None:
            raise RunError(f"{verb}: no end after {timeout_s:g} s")

        before = signal.signal(signal.SIGALRM, too_long)
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        try:
            yield
        except BaseException:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _spawn(self, command: list[str], environment: Mapping[str, str]) -> int:
        file_actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(self._said), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        try:
            return os.posix_spawn(command[0], command, environment, file_actions=file_actions)
        except OSError as error:
            raise RunError(f"cannot start {command[0]}: {error.strerror}") from error

    def _check(self, verb: str, status: int) -> None:
        if status != 0:
            code = os.waitstatus_to_exitcode(status)
            words = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise RunError(f"{verb}: exit status {code}: {words[-1] if words else 'no word'}")
