"""Stands where the planner's cold.py stands: says what a test wrote down, and records what it hears.

FAKE_PLANNER names a directory: `send-1`, `send-2`, ... are written in turn, `send-1` after HELLO and each further one
after a FAIL or DONE was heard. What is heard goes to `heard`, one line of JSON per message.
"""

import base64
import json
import os
import socket
import struct
import sys
from pathlib import Path


def main() -> None:
    directory = Path(os.environ["FAKE_PLANNER"])
    peer = socket.socket(fileno=int(sys.argv[1]))
    stream = peer.makefile("rb")
    turn = 0
    with (directory / "heard").open("a") as heard:
        print(json.dumps({"pid": os.getpid()}), file=heard, flush=True)
        while header := stream.read(8):
            kind, length = struct.unpack("<II", header)
            payload = base64.b64encode(stream.read(length)).decode()
            print(json.dumps({"type": kind, "payload": payload}), file=heard, flush=True)
            if kind == 6:  # a warning asks for nothing
                continue
            turn += 1
            answer = directory / f"send-{turn}"
            if not answer.exists():
                sys.exit(int((directory / "exit").read_text()) if (directory / "exit").exists() else 0)
            peer.sendall(answer.read_bytes())


main()
