"""A program that serves on a port of 127.0.0.1: started, waited for, ended by its pid."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING

from e2e.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else is given while the block runs, and that a daemon can listen on.

    Linux lets a socket listen on a port that another one, which does not, is bound to, where both want SO_REUSEADDR as
    servers do; but it chooses no such port for whoever binds to any.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port


def listens(port: int) -> bool:
    """Whether somebody answers on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def daemon(command: Sequence[str | Path], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program while it runs, from its first answer on; its output goes to `log`."""
    with log.open("wb") as out:
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_until(lambda: process.poll() is not None or listens(port), f"{command[0]} on port {port}: {log}")
        assert process.poll() is None, f"{command[0]} ended: {log.read_text(errors='replace')}"
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=DEADLINE_S)
