"""A mount namespace of the test's own, for runtimes that need mounts on their host. The root one is never changed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from .orphans import keep
from .waiting import DEADLINE_S, wait_readable

if TYPE_CHECKING:
    from typing import Self

CGROUP2_ONLY = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"
CGROUP1_ONLY = "umount /sys/fs/cgroup/unified"


class MountNamespace:
    """A private mount namespace, made by a shell script; `prefix` runs a command in it. It ends with its processes."""

    def __init__(self, setup: str) -> None:
        script = f"set -e; {setup}; echo ready; exec cat"
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        keep(self._holder.pid)
        assert self._holder.stdout is not None
        try:
            wait_readable(self._holder.stdout.fileno(), "the mount namespace")
            assert os.read(self._holder.stdout.fileno(), 6) == b"ready\n", f"failed: {setup}"
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def prefix(self) -> list[str]:
        """The words that run a command in the namespace."""
        return ["nsenter", f"--mount={self.path}", "--"]

    @property
    def path(self) -> str:
        """Where the namespace can be joined."""
        return f"/proc/{self._holder.pid}/ns/mnt"

    def shell(self, script: str) -> str:
        """What a script prints that runs in the namespace."""
        words = [*self.prefix, "sh", "-ec", script]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=DEADLINE_S).stdout

    def cgroups_of(self, token: str) -> list[str]:
        """The cgroups that only this namespace may show and whose name has the token in it, children first."""
        # `find` ends with 1 where a cgroup of somebody else goes while it looks.
        find = f"find /sys/fs/cgroup -depth -type d -path '*{token}*' 2>/dev/null || true"
        return self.shell(f"cd /sys/fs/cgroup; {find}").splitlines()

    def remove_cgroups(self, token: str) -> bool:
        """Remove those cgroups; False where the kernel has not let go of a process yet."""
        self.shell(f"find /sys/fs/cgroup -depth -type d -path '*{token}*' -exec rmdir {{}} ';' 2>/dev/null || true")
        return not self.cgroups_of(token)

    def close(self) -> None:
        """Let go of the namespace."""
        with self._holder:
            assert self._holder.stdin is not None
            self._holder.stdin.close()
            try:
                self._holder.wait(timeout=DEADLINE_S)
            finally:
                self._holder.kill()
