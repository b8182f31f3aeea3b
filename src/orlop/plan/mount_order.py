"""Which steps at the container's tree may change places without a different result: so that init never waits idly.

The outer process makes the cgroups (and the network namespace) while init mounts. What needs them is put off as far as
the paths allow; what needs nothing is taken ahead. Mounts at unrelated paths do not see each other.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_DEV = "/dev"
# Below these the kernel decides what is a link, not the image: a path there is where its name says.
_KERNELS_OWN = ("/proc/", "/sys/")


def are_related(one: str, other: str) -> bool:
    """Whether two absolute clean paths are the same, or one lies beneath the other."""
    return f"{one.rstrip('/')}/".startswith(f"{other.rstrip('/')}/") or f"{other}/".startswith(f"{one.rstrip('/')}/")


def devices_after(paths: Sequence[str]) -> int:
    """The index of the last mount that decides what /dev is; -1 when none does."""
    return max((index for index, path in enumerate(paths) if are_related(path, _DEV)), default=-1)


def postponed_mounts(mounts: Sequence[dict[str, Any]], paths: Sequence[str], hidden: Iterable[str]) -> frozenset[int]:
    """The `cgroup` mounts that may come after all others, and after the `hidden` (masked and read-only) paths."""
    hidden = list(hidden)
    if not all(path.startswith(_KERNELS_OWN) for path in hidden):
        return frozenset()
    return frozenset(
        index
        for index, mount in enumerate(mounts)
        if mount.get("type") == "cgroup"
        and not are_related(paths[index], _DEV)
        and not any(are_related(paths[index], other) for other in [*paths[index + 1 :], *hidden])
    )
