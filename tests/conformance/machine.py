"""The machine that the suite runs on: the view of cgroups that every runtime takes, and what the results depend on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_UNIFIED = Path("/sys/fs/cgroup/unified")
_MARKER = "_ORLOP_CONFORMANCE_PRIVATE"
_CAPABILITIES = {"CAP_SYS_RESOURCE": 24, "CAP_SYS_ADMIN": 21, "CAP_NET_ADMIN": 12}
_V1_CONTROLLERS = ("blkio", "cpu", "cpuset", "devices", "hugetlb", "memory", "net_cls", "pids")


def enter_private_view(arguments: Sequence[str]) -> None:
    """Go on in a mount namespace of our own, where a hybrid cgroup layout looks like plain v1.

    Debian 12's crun refuses the hybrid layout. There the v2 hierarchy is hidden under an empty tmpfs (in which crun
    makes directories), and all runtimes see the same. Nothing of it reaches the machine's own mount namespace.
    """
    if os.environ.get(_MARKER) is None:
        os.environ[_MARKER] = "1"
        command = [sys.executable, "-m", __package__ or "", *arguments]
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *command])  # noqa: S606 - goes on as a child of unshare(1)
    if os.path.ismount(_UNIFIED):
        subprocess.run(["umount", "--lazy", str(_UNIFIED)], check=True, timeout=300)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "empty", str(_UNIFIED)], check=True, timeout=300)


def facts(status: str, mountinfo: str, security_modules: Collection[str]) -> list[str]:
    """What the results depend on, sorted: from /proc/self/status, /proc/self/mountinfo and the security modules."""
    bounding = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:")), 0)
    found = [f"no {name}" for name, number in _CAPABILITIES.items() if not bounding >> number & 1]
    mounted = _v1_controllers(mountinfo)
    if mounted:
        found.append("cgroup v1")
        found += [f"no {name} controller" for name in _V1_CONTROLLERS if name not in mounted]
    else:
        found.append("cgroup v2")
    found += [f"no {name}" for name in ("AppArmor", "SELinux") if name not in security_modules]
    return sorted(found)


def here() -> list[str]:
    """The facts of this machine, in this mount namespace."""
    security_modules = []
    if _read("/sys/module/apparmor/parameters/enabled").startswith("Y"):
        security_modules.append("AppArmor")
    if "selinuxfs" in _read("/proc/filesystems").split():  # the kernel registers it when SELinux is enabled
        security_modules.append("SELinux")
    return facts(_read("/proc/self/status"), _read("/proc/self/mountinfo"), security_modules)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _v1_controllers(mountinfo: str) -> set[str]:
    controllers: set[str] = set()
    for line in mountinfo.splitlines():
        _, _, right = line.partition(" - ")
        words = right.split()
        if words and words[0] == "cgroup":
            controllers.update(words[2].split(","))
    return controllers
