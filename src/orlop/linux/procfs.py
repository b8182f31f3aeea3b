"""What /proc says about one process (proc(5))."""

from __future__ import annotations

_STATE, _START_TIME = 0, 19  # fields 3 and 22 of stat, counted after the command's closing parenthesis
_ENDED = (b"Z", b"X", b"x")


def read_start_time(pid: int) -> int:
    """When the process started, in clock ticks since boot; 0 when there is none."""
    fields = _stat_fields(pid)
    return int(fields[_START_TIME]) if fields else 0


def read_process_state(pid: int) -> str:
    """The letter of the process's state, such as R, S, D, Z; "" when there is no such process."""
    fields = _stat_fields(pid)
    return fields[_STATE].decode("ascii") if fields else ""


def is_alive(pid: int, start_time: int) -> bool:
    """Whether the process with this pid is the one that started then, and is neither zombie nor dead."""
    fields = _stat_fields(pid)
    return bool(fields) and int(fields[_START_TIME]) == start_time and fields[_STATE] not in _ENDED


def read_status_fields(pid: int) -> dict[str, str]:
    """The lines of /proc/<pid>/status by name (`NoNewPrivs`, `CapEff`, `Uid`, ...); empty when there is no process."""
    text = _read(pid, "status").decode("utf-8", "replace")
    pairs = (line.partition(":\t") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _stat_fields(pid: int) -> list[bytes]:
    # The command may hold spaces and parentheses; what follows its last one has neither.
    return _read(pid, "stat").rpartition(b")")[2].split()


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""
