"""A snapshot's mounts at a directory of the host, where people can look at them (`orlop image mount`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition, KernelError, NotFound
from orlop.linux.fstab_mount import attach, detach, is_mount_point

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orlop.snapshot.contract import Mount


def mount_all(mounts: Sequence[Mount], target: Path) -> None:
    """Make the mounts at `target`, one after the other. After a failure none of them is there.

    Raises:
        NotFound: there is no such directory.
        FailedPrecondition: it is no directory, or something is mounted there already.
    """
    place = _place(target)
    if is_mount_point(str(place)):
        raise FailedPrecondition(f"cannot mount at {target}: something is mounted there", hint="unmount it first")
    done = 0
    try:
        for one in mounts:
            attach(one.type, one.source, one.options, str(place))
            done += 1
    except BaseException as error:
        _undo(place, done, error)
        raise


def unmount(target: Path) -> None:
    """Unmount all that is mounted at `target` itself; what is in use goes when its last user does.

    Raises:
        NotFound: there is no such directory.
        FailedPrecondition: nothing is mounted there.
    """
    place = str(_place(target))
    if not is_mount_point(place):
        raise FailedPrecondition(f"cannot unmount {target}: nothing is mounted there")
    while is_mount_point(place):
        detach(place)


def mounted(target: Path) -> bool:
    """Whether something is mounted at `target`; False where there is no such path."""
    try:
        return is_mount_point(str(target.resolve(strict=True)))
    except FileNotFoundError:
        return False


def _place(target: Path) -> Path:
    try:
        place = target.resolve(strict=True)
    except FileNotFoundError as error:
        raise NotFound(f"{target} does not exist", hint="make the directory first") from error
    if not place.is_dir():
        raise FailedPrecondition(f"{target} is no directory", hint="name a directory")
    return place


def _undo(place: Path, done: int, error: BaseException) -> None:
    try:
        for _ in range(done):
            detach(str(place))
    except KernelError as second:
        error.add_note(f"and {place} is still a mount: {second}")
