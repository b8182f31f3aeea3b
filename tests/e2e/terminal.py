"""Terminals: a pty that a call is given as its own terminal, and the socket that is sent the master of one."""

from __future__ import annotations

import array
import fcntl
import os
import re
import select
import signal
import socket
import struct
import termios
import time
from typing import TYPE_CHECKING

from .orphans import keep
from .waiting import DEADLINE_S, limited, wait_for_exit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Screen:
    """What comes out of the master end of a terminal, and what is typed into it. Owns the fd."""

    def __init__(self, master: int) -> None:
        self.master = master
        self.text = ""

    def type(self, text: str) -> None:
        """Write as a keyboard does: an Enter is a carriage return."""
        os.write(self.master, text.encode())

    def wait_for(self, pattern: str, *, deadline_s: float = DEADLINE_S) -> re.Match[str]:
        """Read until the pattern is on the screen, and forget everything up to its end."""
        end = time.monotonic() + limited(deadline_s)
        while True:
            match = re.search(pattern, self.text)
            if match:
                self.text = self.text[match.end() :]
                return match
            left = end - time.monotonic()
            assert left > 0, f"waited in vain for {pattern!r} on the terminal: {self.text!r}"
            if select.select([self.master], [], [], left)[0]:
                assert self._read(), f"the terminal was closed before {pattern!r}: {self.text!r}"

    def rest(self) -> str:
        """Everything until the other end is closed."""
        while self._read():
            pass
        return self.text

    def _read(self) -> bool:
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: the last slave is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def resize(self, rows: int, columns: int) -> None:
        """Set the window size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def size(self) -> tuple[int, int]:
        """The window size: rows, columns."""
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(8)))
        return rows, columns

    def close(self) -> None:
        """Hang up."""
        os.close(self.master)


class TerminalCall:
    """A program whose standard streams and controlling terminal are a pty of ours."""

    def __init__(self, command: Sequence[str], *, env: dict[str, str], rows: int = 24, columns: int = 80) -> None:
        master, self.slave = os.openpty()
        self.screen = Screen(master)
        self.screen.resize(rows, columns)
        self.modes_before = self.local_modes()
        # `setsid --ctty` makes the pty the controlling terminal: posix_spawn cannot.
        words = ["setsid", "--ctty", *command]
        self.pid = os.posix_spawnp(
            "setsid",
            words,
            {**env, "TERM": "xterm"},
            file_actions=[(os.POSIX_SPAWN_DUP2, self.slave, fd) for fd in range(3)],
        )
        keep(self.pid)
        self._code: int | None = None

    def local_modes(self) -> int:
        """The c_lflag of the terminal: ECHO and ICANON are off when it is raw."""
        return int(termios.tcgetattr(self.slave)[3])

    def is_raw(self) -> bool:
        """Whether keys are passed on unchanged and at once."""
        return not self.local_modes() & (termios.ECHO | termios.ICANON | termios.ISIG)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for the end; the exit code, 128+n for a signal."""
        if self._code is None:
            wait_for_exit(self.pid, "the end of the program on the terminal")
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self._code = code if code >= 0 else 128 - code
        return self._code

    def close(self) -> None:
        """End the program if it still runs, and the terminal."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self.slave)
        self.screen.close()


class FdSocket:
    """A listening unix socket that a runtime sends one fd to (`--console-socket`, `--pidfd-socket`)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(1)
        self._socket.settimeout(DEADLINE_S)

    def receive(self) -> tuple[int, bytes]:
        """The fd that was sent, and the bytes with it."""
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(DEADLINE_S)
            data, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        fds = array.array("i")
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(payload[:4])
        assert len(fds) == 1, f"one fd was awaited on {self.path}, got {len(fds)}"
        return fds[0], data

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
