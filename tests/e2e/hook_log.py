"""Hooks for tests: shell scripts on the host that write down when they ran and with what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
SHELL = "/bin/sh"


class HookLog:
    """A file that hooks append to: a line `NAME STATE` each. In the container it is bound to its own host path."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "hooks.log"
        self.path.touch()

    def script(self, name: str, then: str = "") -> str:
        """A shell script that notes the hook, and then does something else."""
        return f'echo "{name} $state" >> {self.path}; {then}'

    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """What ran, in order: name and state document."""
        pairs = (line.split(" ", 1) for line in self.path.read_text().splitlines())
        return [(name, json.loads(state)) for name, state in pairs]

    def names(self) -> list[str]:
        """The names of what ran, in order."""
        return [name for name, _ in self.entries()]


def add_hook(container: Container, kind: str, script: str, **fields: Any) -> None:
    """Add a hook that runs a shell script, with the state in `$state`: crun may die when nobody reads that.

    A startContainer one is run by the shell of the root file system.
    """
    hook = {"path": SHELL, "args": ["sh", "-c", f"read -r state; {script}"], **fields}
    container.config.setdefault("hooks", {}).setdefault(kind, []).append(hook)
