"""Whether the caller has a terminal, which the one of a foreground process is relayed to."""

from __future__ import annotations

import posix

from orlop.errors import FailedPrecondition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.runtime.protocol import Hello

_S_IFMT, _S_IFCHR = 0o170000, 0o020000
_TTY_NR = 4  # of /proc/<pid>/stat, counted from the state, which follows the command (proc(5))


def refuse_without_terminal(hello: Hello, place: str, hint: str) -> None:
    """A process with a terminal that nobody can type into or hang up waits for ever, so it is refused, as runc does it.

    `place` is what asks for a terminal. One of the three streams is enough, or a controlling terminal.

    Raises:
        FailedPrecondition: there is none.
    """
    # A cold planner is the caller's child and has its own stdin.
    proc = f"/proc/{hello.pid}" if hello.proc == "/proc/self" else hello.proc
    if not any(_is_terminal(f"{proc}/fd/{fd}") for fd in range(3)) and not _has_controlling_terminal(proc):
        raise FailedPrecondition(
            f"{place}: the caller has no terminal: stdin, stdout and stderr are none, and it has no controlling one",
            hint=f"call it from a terminal, or {hint}",
        )


def _is_terminal(path: str) -> bool:
    try:
        if posix.stat(path).st_mode & _S_IFMT != _S_IFCHR:  # opening anything else may have effects, or wait
            return False
        fd = posix.open(path, posix.O_RDONLY | posix.O_NOCTTY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    except OSError:
        return False
    try:
        return posix.isatty(fd)
    finally:
        posix.close(fd)


def _has_controlling_terminal(proc: str) -> bool:
    try:
        with open(f"{proc}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[_TTY_NR] != b"0"
    except OSError:
        return False
