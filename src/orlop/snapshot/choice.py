"""Which snapshotter is used: the one that was asked for, or with `auto` the first that can work here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, Unavailable
from orlop.linux.user_namespace import is_in_user_namespace
from orlop.snapshot.availability import erofs_obstacle, overlay_obstacle
from orlop.snapshot.erofs import ErofsSnapshotter
from orlop.snapshot.native import NativeSnapshotter
from orlop.snapshot.overlay import OverlaySnapshotter, boot_id

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.snapshot.directory_snapshotter import DirectorySnapshotter

AUTO = "auto"
NAMES = ("erofs", "overlayfs", "native")  # the fastest first


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a snapshotter can work here: `obstacle` says why not, and is "" where it can."""

    name: str
    obstacle: str


def survey(base: Path) -> list[Availability]:
    """What each snapshotter could do in `base`, in the order in which `auto` takes them."""
    return [Availability(name, _obstacle(name, base)) for name in NAMES]


def open_snapshotter(name: str, base: Path, *, volatile: bool = False) -> DirectorySnapshotter:
    """The snapshotter of this name, or with `auto` the best one, with its files in `base`/NAME. The caller closes it.

    `volatile`: containers' snapshots are never synced. Only overlayfs can; the others are as safe as ever.

    Raises:
        InvalidArgument: there is no snapshotter of this name.
        Unavailable: it cannot work here; the message says why.
    """
    name = chosen_names(name, base)[0]
    if name == "overlayfs":
        return OverlaySnapshotter(base / name, volatile=volatile)
    return ErofsSnapshotter(base / name) if name == "erofs" else NativeSnapshotter(base / name)


def chosen_names(name: str, base: Path) -> list[str]:
    """The name itself, or with `auto` those of all snapshotters that work in `base`, the best first.

    Raises:
        InvalidArgument: there is no snapshotter of this name.
        Unavailable: it cannot work here; the message says why.
    """
    if name == AUTO:
        return [one for one in NAMES if not _obstacle(one, base)]
    if name not in NAMES:
        raise InvalidArgument(f'--snapshotter: "{name}" is none', hint=f"use one of {', '.join((AUTO, *NAMES))}")
    if obstacle := _obstacle(name, base):
        raise Unavailable(f"snapshotter {name} cannot work in {base}: {obstacle}", hint=f"use --snapshotter {AUTO}")
    return [name]


def _obstacle(name: str, base: Path) -> str:
    """Why it cannot work. What was found to work is written down until the host restarts: trials take time."""
    if name == "native":  # copies are always possible; that it can be written comes out with the first one
        return ""
    proof = base / f".{name}-works"
    circumstances = _circumstances()
    if proof.is_symlink() and str(proof.readlink()) == circumstances:
        return ""
    obstacle = erofs_obstacle(base) if name == "erofs" else overlay_obstacle(base)
    if not obstacle:
        # A link that leads nowhere: its text is there as a whole or not at all.
        proof.unlink(missing_ok=True)
        with suppress(FileExistsError):  # another process found the same
            proof.symlink_to(circumstances)
    return obstacle


def _circumstances() -> str:
    """What a trial's outcome depends on, beside the file system."""
    return f"boot={boot_id()} user_namespace={is_in_user_namespace()}"
