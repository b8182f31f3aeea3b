"""Which runtime a program is, and the view of cgroups that it needs. Runs nothing of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_UNIFIED = _CGROUP_ROOT / "unified"

# A copy of the tree of hierarchies without the unified one: crun 1.8 takes a `unified` directory that is no cgroup2 for
# one, and makes directories in it.
_CGROUP1_VIEW = """set -e
view=$(mktemp -d)
mount -t tmpfs -o mode=755,size=1m view "$view"
cd /sys/fs/cgroup
for name in *; do
    if [ -L "$name" ]; then
        cp -P "$name" "$view/"
    elif [ "$name" != unified ]; then
        mkdir "$view/$name"
        mount --bind "$name" "$view/$name"
    fi
done
cd - >/dev/null
mount --rbind "$view" /sys/fs/cgroup
umount -R -l "$view"
rmdir "$view"
exec "$@"
"""


def name_of(program: Path) -> str:
    """What the program calls itself in `--version`: "orun", "runc", "crun", ..."""
    out = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=300).stdout
    return out.split(maxsplit=1)[0]


def needs_another_view(program: Path) -> bool:
    """Whether this process sees a layout of cgroups that the program cannot run on: crun 1.8, and a hybrid one."""
    return _UNIFIED.is_mount() and name_of(program) == "crun"


def enter_cgroup1_view(arguments: Sequence[str]) -> None:
    """Run pytest anew, in a private mount namespace that has the v1 hierarchies alone; does not return."""
    command = ["sh", "-c", _CGROUP1_VIEW, "view", sys.executable, "-m", "pytest", *arguments]
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *command])  # noqa: S606  we become it
