"""Runs the planner as `orun` starts it, on one command line, and tells which modules it had loaded at its end."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from .source_tree import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

_HELLO, _PLAN, _EXIT, _DONE = 1, 2, 3, 7
_FRAME = struct.Struct("<II")

# Runs cold.py itself, and speaks where it leaves.
_SCRIPT = """
import posix, sys
leave = posix._exit
def tell(code):
    print(*sorted(sys.modules), flush=True)
    leave(code)
posix._exit = tell
__file__ = sys.argv.pop(1)
with open(__file__) as file:
    exec(compile(file.read(), __file__, "exec"))
"""
COLD = PACKAGE / "runtime" / "cold.py"


def modules_after(argv: list[str], directory: str) -> set[str]:
    """The modules that the planner has loaded once it has answered `orun ARGV...` in a directory."""
    done = answer(argv, directory)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def answer(argv: list[str], directory: str, *options: str, cold: Path = COLD) -> subprocess.CompletedProcess[str]:
    """Have the planner answer one command line. Its plans are not executed: each is answered as a success.

    `options` are the interpreter's, beside those that `orun` gives; `cold` is the script of the tree to take.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        executor = threading.Thread(target=_execute, args=(ours, ["orun", *argv], directory), daemon=True)
        executor.start()
        command = [sys.executable, "-I", "-S", "-B", *options, "-c", _SCRIPT, str(cold), str(theirs.fileno())]
        done = subprocess.run(
            command, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False, timeout=300
        )
        theirs.close()
        executor.join(timeout=300)
    return done


def _execute(connection: socket.socket, argv: list[str], directory: str) -> None:
    environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    strings = b"".join(text.encode() + b"\0" for text in (*argv, *environment, directory))
    hello = struct.pack("<6I", 2, 0, len(argv), len(environment), 0o022, os.getpid()) + strings
    connection.sendall(_FRAME.pack(_HELLO, len(hello)) + hello)
    while True:
        head = connection.recv(_FRAME.size, socket.MSG_WAITALL)
        if len(head) < _FRAME.size:
            return
        kind, length = _FRAME.unpack(head)
        connection.recv(length, socket.MSG_WAITALL)
        if kind == _PLAN:
            connection.sendall(_FRAME.pack(_DONE, 0))
