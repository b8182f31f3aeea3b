"""A command-line program of somebody else's: its first words, its environment, and how its calls end."""

from __future__ import annotations

import itertools
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from e2e.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """How a call ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def __repr__(self) -> str:
        return f"{' '.join(self.words)}\n-> exit code {self.code}\nstdout: {self.out!r}\nstderr: {self.err!r}"

    @property
    def line(self) -> str:
        """Stdout, which must be one line, without the space around it."""
        (line,) = self.out.strip().splitlines()
        return line


class Tool:
    """A program with the words that all its calls begin with.

    The outputs go to files, because what a call leaves running keeps them open.
    """

    def __init__(self, command: Sequence[str | Path], directory: Path, environment: dict[str, str]) -> None:
        self.command = tuple(map(str, command))
        self.directory = directory
        self.environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": str(directory), **environment}
        self._numbers = itertools.count(1)

    def answer(self, *words: str | Path, stdin: str = "", deadline_s: float = DEADLINE_S) -> Answer:
        """Make a call and wait for its end, whatever its exit code is."""
        command = (*self.command, *map(str, words))
        number = f"{self.command[0].rpartition('/')[2]}-{next(self._numbers)}"
        in_path, out_path, err_path = (self.directory / f"{number}.{name}" for name in ("in", "out", "err"))
        in_path.write_text(stdin)
        with in_path.open("rb") as source, out_path.open("wb") as out, err_path.open("wb") as err:
            done = subprocess.run(
                command,
                stdin=source if stdin else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self.environment,
                cwd=self.directory,
                check=False,
                timeout=deadline_s,
            )
        return Answer(command, done.returncode, out_path.read_text("utf-8", "replace"), err_path.read_text())

    def __call__(self, *words: str | Path, code: int = 0, stdin: str = "") -> Answer:
        """Make a call, which must end with this exit code."""
        answer = self.answer(*words, stdin=stdin)
        assert answer.code == code, f"expected exit code {code}: {answer!r}"
        return answer
