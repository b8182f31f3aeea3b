"""The directory of one running helper: its bundle, and a lock that ends with who started it.

    STATE/root          empty but for mount points; the root of every helper, which sees it read only
    STATE/orun          orun's --root
    STATE/jobs/ID       config.json; locked by the process that made it

A directory that nobody has locked was left by a process that was killed. Whoever finds one removes it, and
the container of that name.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_JOBS = "jobs"


class JobDirectory:
    """A directory that was made and is locked. `container_id` is its name."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self.container_id = path.name
        self._lock_fd = lock_fd

    @classmethod
    def make(cls, state_directory: Path) -> Self:
        """A new one, only for root."""
        jobs = state_directory / _JOBS
        jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = jobs / f"unpack-{secrets.token_hex(8)}"
            path.mkdir(mode=0o700)
            made = cls._lock(path)
            if made is not None:
                return made

    @classmethod
    def _lock(cls, path: Path) -> Self | None:
        """None when somebody has it, or it is gone: between mkdir and lock it looks left behind."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.samestat(os.fstat(fd), path.stat()):
                    return None
            except OSError:
                return None
            undo.pop_all()
        return cls(path, fd)

    @classmethod
    def left_behind(cls, state_directory: Path) -> Iterator[Self]:
        """Those of processes that are no more, locked now. Remove them."""
        for path in sorted((state_directory / _JOBS).glob("unpack-*")):
            found = cls._lock(path)
            if found is not None:
                yield found

    def write_config(self, config: dict[str, Any]) -> None:
        """Make it a bundle."""
        with (self.path / "config.json").open("x", encoding="utf-8") as file:
            json.dump(config, file)

    def remove(self) -> None:
        """Remove it, and let go of the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock_fd)
