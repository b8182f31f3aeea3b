"""Who may be served by a resident planner: only a caller that could have done all of it itself, and sees the same host.

What a planner reads, kills or freezes for a caller it does with its own rights and in its own namespaces. So the caller
must be of the same user, in the same mount, user, pid and cgroup namespaces and under the same root directory; it must
have every capability that the planner has, and the same confinement by seccomp and security module. Anybody else is
told to start a planner of its own. A pidfd is held while /proc is read, so the pid cannot become another process's.
"""

from __future__ import annotations

import posix
import select
from _socket import SO_PEERCRED, SOL_SOCKET
from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

_SO_PEERPIDFD = 77  # Linux 6.5
_CREDENTIALS = Struct("=iII")
_NAMESPACES = ("mnt", "user", "pid", "cgroup")
_MAX_BYTES = 1 << 16


class Identity:
    """What must be the same of caller and planner, and what the caller must have at least."""

    __slots__ = ("capabilities", "confinement", "places")

    def __init__(self, proc: str) -> None:
        """Read it from a process's directory in /proc. Raises OSError when the process is gone or hides itself."""
        places = [posix.stat(f"{proc}/ns/{name}") for name in _NAMESPACES]
        places.append(posix.stat(f"{proc}/root/."))
        self.places = [(place.st_dev, place.st_ino) for place in places]
        status = _read(f"{proc}/status")
        self.capabilities = int(_field(status, "CapEff"), 16)
        # Mode and number of the seccomp filters, which are inherited and only ever added; the security module's label.
        self.confinement: tuple[str, ...] = (
            _field(status, "Seccomp"),
            _field(status, "Seccomp_filters"),
            _read_label(proc),
        )

    def may_serve(self, caller: Identity) -> bool:
        """Whether a planner of this identity may act for the caller."""
        return (
            self.places == caller.places
            and self.confinement == caller.confinement
            and self.capabilities & ~caller.capabilities == 0
        )


def serveable_pid(connection: socket, own: Identity) -> int | None:
    """The pid of the caller at the other end, when a planner of identity `own` may serve it; None otherwise."""
    pid, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
    if uid != posix.geteuid() or pid <= 0:
        return None
    try:
        pidfd = _open_peer(connection, pid)
    except OSError:
        return None
    try:
        is_served = own.may_serve(Identity(f"/proc/{pid}"))
        # It lives still, so all that was read was about it.
        return pid if is_served and not _has_ended(pidfd) else None
    except (OSError, ValueError):
        return None
    finally:
        posix.close(pidfd)


def _open_peer(connection: socket, pid: int) -> int:
    """A pidfd of the process that connected; before Linux 6.5 of the one that has its pid now."""
    try:
        return connection.getsockopt(SOL_SOCKET, _SO_PEERPIDFD)
    except OSError:
        return posix.pidfd_open(pid)


def _has_ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _field(status: str, name: str) -> str:
    _, _, rest = status.partition(f"\n{name}:\t")
    return rest.partition("\n")[0]


def _read_label(proc: str) -> str:
    try:
        return _read(f"{proc}/attr/current")
    except OSError:
        return ""  # no security module


def _read(path: str) -> str:
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return posix.read(fd, _MAX_BYTES).decode("utf-8", "surrogateescape")
    finally:
        posix.close(fd)
