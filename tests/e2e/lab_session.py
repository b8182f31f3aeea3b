"""Labs, typed: the commands of a document's console blocks, and a shell on a terminal that they are typed into."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .terminal import TerminalCall

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PROMPT = "lab"


class Step(NamedTuple):
    """One line to type. `is_inside`: at the prompt of a shell in a container, not at the host's."""

    text: str
    line_number: int
    is_inside: bool
    is_continued: bool  # the next line belongs to the same command
    error: str = ""  # the line that the document shows below it, if it is an error of ours: then it must fail so


def read_steps(document: str) -> list[Step]:
    """What the document tells to type: in console blocks, what stands after `# `, `/ # ` (inside), `> ` (continued)."""
    found: list[tuple[str, int, str]] = []
    errors: dict[int, str] = {}  # line number of a step to the error below it
    in_block = False
    for number, line in enumerate(document.splitlines(), 1):
        if line.startswith("```"):
            in_block = not in_block and line.strip() == "```console"
            continue
        match = re.match(r"(# |/[\w/]* # |> )(.*)$", line) if in_block else None
        if match:
            found.append((match[1], number, match[2]))
        elif in_block and line.startswith(("orun: ", "orlop: ")):
            errors[found[-1][1]] = line
    continued = [following[0] == "> " for following in found[1:]] + [False]
    steps, is_inside = [], False
    for (prompt, number, text), goes_on in zip(found, continued, strict=True):
        is_inside = is_inside if prompt == "> " else prompt != "# "
        steps.append(Step(text, number, is_inside, goes_on, errors.get(number, "")))
    return steps


class LabSession:
    """A bash on a terminal, in a directory, with a directory of programs first in PATH."""

    def __init__(self, directory: Path, programs: Path, path: str, *, prefix: Sequence[str] = ()) -> None:
        env = {
            "PATH": f"{programs}:{path}",
            "HOME": str(directory),
            "PS1": f"<{_PROMPT} $?> ",
            "PS2": "> ",
            "HISTFILE": "/dev/null",
            "LC_ALL": "C.UTF-8",
        }
        self._call = TerminalCall([*prefix, "bash", "--norc", "--noprofile"], env=env, columns=200)
        self._screen = self._call.screen
        self._wait_for_prompt()
        self._screen.type(f"cd {directory}\r")
        self._wait_for_prompt()

    def type_all(self, steps: list[Step]) -> None:
        """Type every step at its prompt. Each command of the host exits with 0, or fails as the document shows."""
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            self._screen.type(step.text + "\r")
            if step.is_continued:
                self._screen.wait_for(r"> $")
            elif following is not None and following.is_inside:
                # Behind its prompt busybox asks where the cursor is; told the terminal's size, it writes it once more.
                self._screen.wait_for(r"(/[\w/]*|~) # (\x1b\[\d*[A-Za-z])*$")
            else:
                code = self._wait_for_prompt()
                told = f"line {step.line_number}: {step.text!r} exited with {code}: {self.last_output}"
                assert (code != 0) is bool(step.error), told
                assert step.error in self.last_output, told

    def close(self) -> None:
        """Leave the shell."""
        self._call.close()

    def _wait_for_prompt(self) -> int:
        match = self._screen.wait_for(rf"(?s)(.*)<{_PROMPT} (\d+)> $")
        self.last_output = match[1]
        return int(match[2])
