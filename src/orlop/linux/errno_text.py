"""Error numbers in words, and advice where an errno misleads."""

from __future__ import annotations

import errno
import posix

_ADVICE = {
    ("clone3", errno.ENOSPC): "a limit of the host: see sysctl user.max_*_namespaces",
    ("unshare", errno.ENOSPC): "a limit of the host: see sysctl user.max_*_namespaces",
    ("fsmount", errno.ENOSPC): "a limit of the host: see sysctl fs.mount-max",
    ("move_mount", errno.ENOSPC): "a limit of the host: see sysctl fs.mount-max",
    ("mount_setattr", errno.ENOSYS): "the kernel is older than 5.12; orun needs 5.14",
    ("clone3", errno.EAGAIN): "a limit on processes of the user or the cgroup is reached",
}


def errno_name_and_text(number: int) -> tuple[str, str]:
    """`("ENOENT", "No such file or directory")`."""
    return errno.errorcode.get(number, f"errno {number}"), posix.strerror(number)


def errno_advice(number: int, call: str) -> str:
    """What to do about an errno of a call, where the errno alone misleads; "" where it does not."""
    return _ADVICE.get((call, number), "")
