"""The overlayfs snapshotter: a layer is a directory, a root file system an overlay of directories.

    snapshots/N/fs      the layer, or what a container wrote (upperdir)
    snapshots/N/work    overlayfs's own (workdir), of active snapshots
    snapshots/N/boot    of a volatile one: the boot in which it was made, as the text of a link that leads nowhere

A snapshot of a single directory is a bind mount of it.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition
from orlop.linux.user_namespace import is_in_user_namespace
from orlop.snapshot.contract import Kind, LayerForm, LayerTarget, Mount
from orlop.snapshot.directory_snapshotter import DirectorySnapshotter
from orlop.snapshot.implied_directories import inherit, opened_tree, settle
from orlop.snapshot.tree_removal import remove_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.snapshot.implied_directories import Apart

_PARAMETERS = Path("/sys/module/overlay/parameters")
# What the kernel or the distribution may have switched on for all overlays, and we cannot have: a layer has to make
# sense alone, on top of another copy of its parents, and in a tar archive. So file handles of lower files in the upper
# layer (index), files whose data are in a lower layer (metacopy), and directories whose files stand under another name
# in a lower layer (redirect_dir) are not made; and those that a hostile upper directory may have are not followed.
_SELF_CONTAINED = {"index": "off", "metacopy": "off", "redirect_dir": "nofollow"}
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_ROOT_MODE = 0o755
_WORK_MODE = 0o711


class OverlaySnapshotter(DirectorySnapshotter):
    """See the module. Containers' snapshots are `volatile` where asked: never synced, they end with the boot."""

    name = "overlayfs"
    takes_layers_apart = True

    def __init__(self, root: Path, *, volatile: bool = False) -> None:
        """What is committed is durable even where it was volatile before."""
        super().__init__(root)
        self._volatile = volatile
        self._user_xattr = is_in_user_namespace()
        self._options = overlay_options(user_xattr=self._user_xattr)

    def layer_target(self, key: str, *, on_parent: bool = False) -> LayerTarget:
        """The layer's directory, for whiteouts in overlay form; or an overlay with it as the upper directory."""
        directory = self.directory(self._active(key).id) / "fs"
        if on_parent:
            return LayerTarget(form=LayerForm.APPLIED, directory=directory, mounts=tuple(self.mounts(key)))
        return LayerTarget(form=LayerForm.OVERLAY, directory=directory, user_xattr=self._user_xattr)

    def _fill(self, directory: Path, kind: Kind, parents: list[Path]) -> None:
        make_upper_directory(directory, kind)
        if parents:
            with ExitStack() as stack:
                upper, lower = (opened_tree(path / "fs", stack) for path in (directory, parents[0]))
                inherit(upper, [b""], [lower])
        if self._volatile and kind is Kind.ACTIVE:
            (directory / "boot").symlink_to(boot_id())

    def _settle(self, directory: Path, apart: Apart, parents: list[Path]) -> None:
        with ExitStack() as stack:
            layer, *below = [opened_tree(path / "fs", stack) for path in (directory, *parents)]
            settle(layer, apart, below)

    def _mounts(self, directory: Path, kind: Kind, parents: list[Path]) -> list[Mount]:
        options = list(self._options)
        if parents and kind is Kind.ACTIVE and (directory / "boot").is_symlink():
            _let_volatile_be_mounted_again(directory)
            options.append("volatile")
        return overlay_mounts(directory, kind, [parent / "fs" for parent in parents], options)


def make_upper_directory(directory: Path, kind: Kind) -> None:
    """Make `fs`, and for an active snapshot `work`, with modes that the umask does not change."""
    for name, mode in (("fs", _ROOT_MODE), ("work", _WORK_MODE)):
        if name == "fs" or kind is Kind.ACTIVE:
            (directory / name).mkdir()
            (directory / name).chmod(mode)
    os.utime(directory / "fs", ns=(0, 0))  # unless a layer says so: as of any directory that none describes


def overlay_mounts(directory: Path, kind: Kind, lower: list[Path], options: Sequence[str]) -> list[Mount]:
    """The mount of a snapshot over directories of layers, the uppermost first; the options in containerd's order."""
    upper = directory / "fs"
    lower = _down_to_opaque(lower)
    if kind is Kind.VIEW and len(lower) <= 1:
        return [Mount(type="bind", source=str(lower[0] if lower else upper), options=("ro", "rbind"))]
    if not lower:  # overlayfs wants at least one, and there is nothing to lay over
        return [Mount(type="bind", source=str(upper), options=("rw", "rbind"))]
    own = (f"workdir={directory / 'work'}", f"upperdir={upper}") if kind is Kind.ACTIVE else ()
    lower_option = "lowerdir=" + ":".join(str(path) for path in lower)
    return [Mount(type="overlay", source="overlay", options=(*options, *own, lower_option))]


def _down_to_opaque(lower: list[Path]) -> list[Path]:
    """The layers that are seen: overlayfs heeds the mark of an opaque directory everywhere but at the root."""
    for number, root in enumerate(lower, 1):
        if any(_has_mark(root, name) for name in _OPAQUE):
            return lower[:number]
    return lower


def _has_mark(root: Path, name: str) -> bool:
    try:
        return os.getxattr(root, name, follow_symlinks=False) == b"y"
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOENT):  # a missing layer is the mount's to tell
            raise
        return False


def overlay_options(*, user_xattr: bool, parameters: Path = _PARAMETERS) -> tuple[str, ...]:
    """The options of every overlay: what this kernel has of those that keep layers self-contained, and userxattr.

    With `user_xattr`, which a mount in a user namespace needs (Linux 5.11), the kernel has metacopy and redirect_dir
    off by itself and lets nobody set them.
    """
    options = []
    for parameter, value in _SELF_CONTAINED.items():
        if user_xattr and parameter != "index":
            continue
        if (parameters / parameter).exists():
            options.append(f"{parameter}={value}")
    return (*options, "userxattr") if user_xattr else tuple(options)


def boot_id() -> str:
    """What the kernel calls this boot: another text after each restart."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _let_volatile_be_mounted_again(directory: Path) -> None:
    """Take away the mark by which overlayfs refuses to mount a volatile upper directory a second time.

    It is for the case that the host stopped before all was written. So it can go while the host has not.
    """
    if str((directory / "boot").readlink()) != boot_id():
        raise FailedPrecondition(
            f"cannot mount {directory}: the host has restarted since this volatile snapshot was written, "
            "and some of it may be lost",
            hint="remove it and prepare a new one",
        )
    remove_tree(directory / "work/work/incompat/volatile")
