"""Reading what a process inside prints of /proc: status fields, capability sets, mounts."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_CAPABILITY_NUMBERS = {
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_KILL": 5,
    "CAP_SETUID": 7,
    "CAP_SETPCAP": 8,
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_MKNOD": 27,
    "CAP_AUDIT_WRITE": 29,
}


def status_fields(text: str) -> dict[str, str]:
    """The fields of /proc/PID/status."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: value.strip() for name, value in pairs}


def capability_mask(*names: str) -> str:
    """The set as /proc/PID/status prints it."""
    return f"{sum(1 << _CAPABILITY_NUMBERS[name] for name in names):016x}"


def namespace_of(pid: int | str, kind: str) -> str:
    """The namespace that a process is in, as readlink tells it: `uts:[4026531838]`."""
    return str(Path(f"/proc/{pid}/ns/{kind}").readlink())


class Mount(NamedTuple):
    """One line of mountinfo."""

    root: str
    target: str
    options: frozenset[str]
    optional_fields: tuple[str, ...]
    kind: str
    source: str
    superblock_options: frozenset[str]


def parse_mountinfo(text: str) -> dict[str, Mount]:
    """Target to mount; of several on one target the topmost."""
    mounts = {}
    for line in text.splitlines():
        words = line.split()
        dash = words.index("-")
        mounts[words[4]] = Mount(
            words[3],
            words[4],
            frozenset(words[5].split(",")),
            tuple(words[6:dash]),
            words[dash + 1],
            words[dash + 2],
            frozenset(words[dash + 3].split(",")),
        )
    return mounts
