"""A hook that stops until the test lets it go on: the way to hold a runtime at a known point without a change to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .config import bind
from .hook_log import add_hook
from .waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container


class PausePoint:
    """Two files: the hook opens the FIFO `gate`, makes `reached`, and reads from the gate until the test opens it."""

    def __init__(self, container: Container, directory: Path, kind: str) -> None:
        place = directory / f"pause-{kind}"
        place.mkdir()
        self._reached, gate = place / "reached", place / "gate"
        os.mkfifo(gate, 0o666)
        self._gate = os.open(gate, os.O_RDWR | os.O_NONBLOCK)
        # The container sees the directory under the host's name: startContainer hooks run in there.
        container.config["mounts"].append(bind(str(place), str(place)))
        # It holds the gate before it says that it is there: what we write and close then is lost to nobody.
        script = f"exec 9< {gate}; echo > {self._reached}; read -r line <&9"
        add_hook(container, kind, script)

    def wait(self) -> None:
        """Wait until the hook is there."""
        wait_until(self._reached.exists, f"the hook at {self._reached}")

    def is_reached(self) -> bool:
        """Whether the hook is there."""
        return self._reached.exists()

    def open(self) -> None:
        """Let the hook go on, and any later one."""
        os.write(self._gate, b"go\n" * 16)

    def close(self) -> None:
        """Let everything go on, and let go of the gate."""
        self.open()
        os.close(self._gate)
