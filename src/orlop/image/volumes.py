"""VOLUME of an image: what is mounted there, so that what is written does not go into the root file system.

The volume is a tmpfs that begins with what the image has at that place. The copy is made by the runtime inside of the
container's root (`tmpcopyup`): nothing on the host follows a path of the image to fetch it, which is how a volume
that was a symbolic link read the host's files (CVE-2022-23648). Whoever wants a volume on disk mounts a directory
there himself: his mount takes the place of ours.
"""

from __future__ import annotations

import posixpath
import stat
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidArgument
from orlop.oci.field_checks import has_control_character, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.linux.root_open import RootDirectory

VOLUMES_MAX = 1024

_OPTIONS = ("nosuid", "nodev", "tmpcopyup")
_KERNELS_OWN = ("/proc", "/sys", "/dev")


def volume_mounts(
    root: RootDirectory, volumes: Iterable[str], *, taken: Iterable[str] = (), place: str = "config.Volumes"
) -> list[dict[str, Any]]:
    """The mounts of volumes, those above before those below them. `taken` are destinations of other mounts.

    Raises:
        InvalidArgument: a volume is the root, in /proc, /sys or /dev, holds a control character, or there are more
            than 1024.
        FailedPrecondition: a volume is a file, or leads through one, or through too many links.
    """
    covered = {root.resolve(destination)[0] for destination in taken}
    found: dict[str, None] = {}
    for volume in volumes:
        resolved = _resolve(root, volume, place)
        if resolved not in covered:
            found[resolved] = None
    if len(found) > VOLUMES_MAX:
        raise InvalidArgument(f"{place}: {len(found)} volumes are more than {VOLUMES_MAX}")
    return [
        {"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": list(_OPTIONS)}
        for destination in sorted(found, key=lambda path: (path.count("/"), path))
    ]


def _resolve(root: RootDirectory, volume: str, place: str) -> str:
    if not volume or has_control_character(volume):
        raise InvalidArgument(f"{place}: {shown(volume)} is empty or holds a control character")
    resolved, status = root.resolve(posixpath.join("/", volume))
    if resolved == "/" or any(resolved == own or resolved.startswith(f"{own}/") for own in _KERNELS_OWN):
        raise InvalidArgument(f"{place}: {shown(volume)} is {resolved} in the image, which can be no volume")
    if status is not None and not stat.S_ISDIR(status.st_mode):
        raise InvalidArgument(f"{place}: {shown(volume)} is no directory in the image")
    return resolved
