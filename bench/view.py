"""The view of cgroups that a part of the benchmark runs in: a mount namespace of its own, entered by a new process.

- `v1`: a hybrid layout looks like plain v1, because Debian 12's crun refuses hybrid. The v2 hierarchy is hidden under
  an empty tmpfs (in which crun leaves a directory with files for each container).
- `v2`: only the v2 hierarchy, with whatever controllers v1 has left to it. Debian's crun cannot start there without
  CAP_SYS_RESOURCE; runc can.

In both, /run is a tmpfs, as on every machine that systemd booted: runtimes keep their state there, and a journal on a
disk would be measured with it.

On a machine whose layout is v2 alone, both are the same, and no cgroups are mounted. Neither reaches the machine's own
mount namespace.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

VIEWS = ("v1", "v2")

_CGROUPS = Path("/sys/fs/cgroup")
_UNIFIED = _CGROUPS / "unified"


def run_in_view(view: str, arguments: list[str]) -> int:
    """Run this program again, in a view that it makes with `arrange`; its exit status."""
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, sys.argv[0], *arguments]
    process = subprocess.Popen([*command, "--view", view])
    # It removes its containers when it is told to end, so we wait for it. A terminal sends it SIGINT without our help.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
    return process.wait()


def arrange(view: str) -> None:
    """Make the view.

    Requires: a mount namespace of our own, whose mounts are private.
    """
    if _file_system_of("/run") != "tmpfs":
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "run", "/run")
    if (_CGROUPS / "cgroup.controllers").exists():
        return
    if view == "v2":
        _run("umount", "--recursive", "--lazy", str(_CGROUPS))
        _run("mount", "-t", "cgroup2", "none", str(_CGROUPS))
    elif os.path.ismount(_UNIFIED):
        _run("umount", "--lazy", str(_UNIFIED))
        _run("mount", "-t", "tmpfs", "-o", "size=256m,nr_inodes=0", "empty", str(_UNIFIED))


def end_tidily_on_signals() -> None:
    """Have SIGINT and SIGTERM unwind the program, once: a second one must not stop what the first one began."""

    def end(number: int, _frame: object) -> None:
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, signal.SIG_IGN)
        sys.exit(128 + number)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)


def _file_system_of(path: str) -> str:
    command = ["stat", "--file-system", "--format", "%T", path]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60)
