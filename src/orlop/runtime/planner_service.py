"""The resident planner: a listening socket, and threads that each take a caller, check who it is, and answer it.

    orun  -- connect, HELLO -->  worker: identity of the peer, fingerprint of its operations
          <-- REFUSED --         not one of ours: it starts a planner of its own (nothing was done)
          <-- ACCEPTED --        from here on the same code as in a cold planner
          <-- PLAN, EXIT ... --

A worker is held only until its executor has detached (a container that runs for days holds none), and blocked while it
waits for hooks, locks or freezers; so when all are busy, there is one more. What the process holds for a caller are
fds of its call, closed with it: memory and fds do not grow with the number of requests.
"""

from __future__ import annotations

import _thread
import contextlib
import fcntl
import gc
import os
import signal
import sys
import time
from _socket import AF_UNIX, SO_RCVTIMEO, SOCK_STREAM, SOL_SOCKET, socket
from _struct import pack
from struct import error as StructError  # noqa: N812 (it is a class)

from orlop.errors import FailedPrecondition, OrlopError
from orlop.plan.operation_table import fingerprint
from orlop.runtime.peer import Identity, serveable_pid
from orlop.runtime.planner import VERBS, serve
from orlop.runtime.protocol import Connection, ExecutorGone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.protocol import Hello

_FIRST_WORKERS = 8
_WORKERS_MAX = 256
# What C code recurses in, such as the decoder of JSON: Python 3.12 and 3.13 stop it after 10000 calls, for which repr()
# takes 2 MiB. Memory is used as far as it is reached.
_STACK_BYTES = 4 << 20
_BACKLOG = 4096
_HELLO_TIMEOUT_S = 5
_LAST_REQUESTS_S = 10.0  # how long a stopping planner waits for those that it accepted
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_REPORT_SIGNAL = signal.SIGUSR1
_TICK_S = 0.02
# Modules that verbs import when they need them: here once, before the first caller.
_PRELOADED = (
    "orlop.linux.errno_text",
    "orlop.linux.seccomp_cache",
    "orlop.oci.sysctl_name",
    "orlop.plan.exec",
    "orlop.runtime.command_line",
    "orlop.runtime.failure",
    "orlop.runtime.freezer",
    "orlop.runtime.termination",
)


def bind(path: str) -> int:
    """A listening socket at a path, mode 0600, its directory made if need be; the fd.

    Raises:
        FailedPrecondition: another planner serves there.
        OSError: it cannot be made.
    """
    os.umask(0)  # modes are exact
    os.makedirs(os.path.dirname(path), 0o711, exist_ok=True)
    # Held until this process ends. Who has the lock may replace a socket that a killed planner left.
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise FailedPrecondition(
            f"another planner serves on {path}", hint="stop it, or choose another --socket"
        ) from None
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket(AF_UNIX, SOCK_STREAM)
    os.umask(0o177)
    listener.bind(path)
    os.umask(0)
    listener.listen(_BACKLOG)
    return listener.detach()


class PlannerService:
    """Serves a listening socket with threads until it is told to stop, or idle for too long."""

    def __init__(self, listener: int, *, idle_exit_s: int = 0) -> None:
        self._listener = socket(fileno=listener)
        self._listener.settimeout(None)
        self._idle_exit_s = idle_exit_s
        self._own = Identity("/proc/self")
        self._fingerprint = fingerprint()
        self._lock = _thread.allocate_lock()
        self._workers = 0
        self._busy = 0
        self._accepted = self._refused = 0
        self._is_stopping = False
        self._last_used = time.monotonic()

    def run(self, name: str) -> None:
        """Serve, and say so on stderr with this name of the socket.

        Returns when SIGTERM or SIGINT came or it was idle for too long, and what was accepted is answered.
        """
        os.umask(0)
        # Before the threads are made, which inherit it.
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_STOP_SIGNALS, _REPORT_SIGNAL))
        _preload()
        _thread.stack_size(_STACK_BYTES)
        with self._lock:
            for _ in range(_FIRST_WORKERS):
                self._add_worker()
        _say(f"serving on {name}")
        self._wait_for_the_end()
        self._is_stopping = True  # who is accepted from now on is sent away, and starts a planner of its own
        deadline = time.monotonic() + _LAST_REQUESTS_S
        while self._busy and time.monotonic() < deadline:
            time.sleep(_TICK_S)

    def _wait_for_the_end(self) -> None:
        timeout_s: float = self._idle_exit_s or 3600
        while True:
            received = signal.sigtimedwait((*_STOP_SIGNALS, _REPORT_SIGNAL), timeout_s)
            if received is not None and received.si_signo == _REPORT_SIGNAL:
                _say(f"accepted requests: {self._accepted}, refused: {self._refused}, workers: {self._workers}")
            elif received is not None:
                return
            if not self._idle_exit_s:
                continue
            with self._lock:
                idle_s = time.monotonic() - self._last_used
                if not self._busy and idle_s >= self._idle_exit_s:
                    return
            timeout_s = max(self._idle_exit_s - idle_s, _TICK_S) if not self._busy else self._idle_exit_s

    def _add_worker(self) -> None:
        """Requires: the lock."""
        try:
            _thread.start_new_thread(self._work, ())
        except RuntimeError:  # no more threads for us: those that there are must do
            return
        self._workers += 1

    def _work(self) -> None:
        while True:
            try:
                fd, _ = self._listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 (socket.accept, of which only this is in C)
            except OSError as error:
                _say(f"accept: {error}")
                time.sleep(_TICK_S)  # no fds left, say
                continue
            with self._lock:
                self._busy += 1
                if self._busy == self._workers < _WORKERS_MAX:
                    self._add_worker()
            connection = socket(fileno=fd)
            try:
                self._answer(connection)
            finally:
                connection.close()
                with self._lock:
                    self._busy -= 1
                    self._last_used = time.monotonic()

    def _answer(self, peer: socket) -> None:
        try:
            pid = None if self._is_stopping else serveable_pid(peer, self._own)
            connection = Connection(peer.fileno(), f"/proc/{pid}")
            hello = self._receive_hello(peer, connection) if pid is not None else None
            connection.answer_knock(is_accepted=hello is not None)
            with self._lock:
                self._accepted += hello is not None
                self._refused += hello is None
            if hello is not None:
                _serve_accepted(connection, hello)
        except (ExecutorGone, OSError):
            return  # it ended, or was killed: nobody is left to be told anything

    def _receive_hello(self, peer: socket, connection: Connection) -> Hello | None:
        """What it asks for; None when it is of another installation, with other operations."""
        peer.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("ll", _HELLO_TIMEOUT_S, 0))
        try:
            hello = connection.receive_hello()
        except (OrlopError, StructError, ValueError, IndexError):  # of another version, or no HELLO at all
            return None
        peer.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("ll", 0, 0))
        return hello if hello.fingerprint == self._fingerprint else None


def _serve_accepted(connection: Connection, hello: Hello) -> None:
    try:
        serve(connection, hello)
    except ExecutorGone:
        return
    except Exception as error:  # noqa: BLE001 (the edge of the request)
        import traceback

        traceback.print_exc()
        text = f"orun: internal error: {type(error).__name__}: {error}; please report it\n"
        connection.exit(connection.failure_code, stderr=text)


def _preload() -> None:
    for name in (*(f"orlop.runtime.{module}" for module, _ in VERBS.values()), *_PRELOADED):
        __import__(name)
    gc.collect()
    gc.freeze()  # what is here now stays: later collections need not look at it


def _say(text: str) -> None:
    sys.stderr.write(f"orun: planner: {text}\n")
