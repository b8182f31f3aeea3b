"""Runs the planner as `orun` starts it, on one command line, and tells which modules it had loaded at its end."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading

from .source_tree import REPOSITORY

_HELLO, _PLAN, _EXIT, _DONE = 1, 2, 3, 7
_FRAME = struct.Struct("<II")

# What cold.py does, less its own last line: that one leaves without a word.
_SCRIPT = """
import gc, posix, sys
sys.path.insert(0, sys.argv[2])
from orlop.runtime.planner import serve
from orlop.runtime.protocol import Connection
serve(Connection(int(sys.argv[1])))
print(*sorted(sys.modules))
"""


def modules_after(argv: list[str], directory: str) -> set[str]:
    """The modules that the planner has loaded once it has answered `orun ARGV...` in a directory.

    Its plans are not executed: each is answered as a success.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answering = threading.Thread(target=_answer, args=(ours, ["orun", *argv], directory), daemon=True)
        answering.start()
        command = [sys.executable, "-I", "-S", "-B", "-c", _SCRIPT, str(theirs.fileno()), str(REPOSITORY / "src")]
        done = subprocess.run(
            command, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False, timeout=60
        )
        theirs.close()
        answering.join(timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def _answer(connection: socket.socket, argv: list[str], directory: str) -> None:
    environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    strings = b"".join(text.encode() + b"\0" for text in (*argv, *environment, directory))
    hello = struct.pack("<5I", 1, len(argv), len(environment), 0o022, os.getpid()) + strings
    connection.sendall(_FRAME.pack(_HELLO, len(hello)) + hello)
    while True:
        head = connection.recv(_FRAME.size, socket.MSG_WAITALL)
        if len(head) < _FRAME.size:
            return
        kind, length = _FRAME.unpack(head)
        connection.recv(length, socket.MSG_WAITALL)
        if kind == _PLAN:
            connection.sendall(_FRAME.pack(_DONE, 0))
