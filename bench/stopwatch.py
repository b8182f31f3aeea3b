"""The time that one command takes, or many at once."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class RunError(Exception):
    """A command did not do what was to be timed."""


class Stopwatch:
    """Times commands. What they say goes to a file, which a failure quotes.

    posix_spawn and wait4, as nothing else is exact: subprocess polls as soon as it has a timeout.
    """

    def __init__(self, said: Path) -> None:
        self._said = said

    def time(self, command: list[str], environment: Mapping[str, str]) -> float:
        """Run a command to its end, and return the time that took in milliseconds.

        Raises:
            RunError: its exit status was not 0.
        """
        begin = time.perf_counter_ns()
        pid = self._spawn(command, environment)
        _, status, _ = os.wait4(pid, 0)
        elapsed = time.perf_counter_ns() - begin
        self._check(command, status)
        return elapsed / 1e6

    def time_all(self, commands: Iterable[list[str]], environment: Mapping[str, str], callers: int) -> float:
        """Run commands, as many at a time as there are callers; the milliseconds that all of them take together.

        Raises:
            RunError: an exit status was not 0. All commands that were started have ended.
        """
        waiting = iter(commands)
        running: dict[int, list[str]] = {}
        ended: list[tuple[list[str], int]] = []
        begin = time.perf_counter_ns()
        while True:
            while len(running) < callers and (command := next(waiting, None)) is not None:
                running[self._spawn(command, environment)] = command
            if not running:
                break
            pid, status = os.wait()
            if pid in running:  # others are orphans that were left to us
                ended.append((running.pop(pid), status))
        elapsed = time.perf_counter_ns() - begin
        for command, status in ended:
            self._check(command, status)
        return elapsed / 1e6

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

    def _check(self, command: list[str], status: int) -> None:
        if status != 0:
            code = os.waitstatus_to_exitcode(status)
            words = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise RunError(f"{' '.join(command)}: exit status {code}: {words[-1] if words else 'no word'}")
