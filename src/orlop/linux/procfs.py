"""What /proc says about one process (proc(5))."""

from __future__ import annotations

_STATE, _START_TIME = 0, 19  # fields 3 and 22 of stat, counted after the command's closing parenthesis


def _stat_fields(pid: int) -> list[bytes] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command may hold spaces and parentheses; what follows its last one has neither.
            return file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def read_start_time(pid: int) -> int:
    """When the process started, in clock ticks since boot; 0 when there is none."""
    fields = _stat_fields(pid)
    return int(fields[_START_TIME]) if fields else 0


def is_alive(pid: int, start_time: int) -> bool:
    """Whether the process with this pid is the one that started then, and is neither zombie nor dead."""
    fields = _stat_fields(pid)
    return fields is not None and int(fields[_START_TIME]) == start_time and fields[_STATE] not in (b"Z", b"X", b"x")
