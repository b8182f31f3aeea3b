"""The overlayfs snapshotter: a layer is a directory, a root file system an overlay of directories.

    snapshots/N/fs      the layer, or what a container wrote (upperdir)
    snapshots/N/work    overlayfs's own (workdir), of active snapshots
    snapshots/N/boot    of a volatile one: the boot in which it was made, as the text of a link that leads nowhere

A snapshot of a single directory is a bind mount of it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.errors import FailedPrecondition
from orlop.snapshot.contract import Kind, LayerForm, LayerTarget, Mount
from orlop.snapshot.directory_snapshotter import DirectorySnapshotter, copy_root_attributes, sync_file_system
from orlop.snapshot.tree_removal import remove_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARAMETERS = Path("/sys/module/overlay/parameters")
# What the kernel or the distribution may have switched on for all overlays, and we cannot have: a layer has to make
# sense alone, on top of another copy of its parents, and in a tar archive. So file handles of lower files in the upper
# layer (index), files whose data are in a lower layer (metacopy), and directories whose files stand under another name
# in a lower layer (redirect_dir) are not made; and those that a hostile upper directory may have are not followed.
_SELF_CONTAINED = {"index": "off", "metacopy": "off", "redirect_dir": "nofollow"}
_ROOT_MODE = 0o755
_WORK_MODE = 0o711
_NO_USER_NAMESPACE = ["0", "0", "4294967295"]


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

    def layer_target(self, key: str) -> LayerTarget:
        """The layer's directory, for whiteouts in overlay form."""
        directory = self.directory(self._active(key).id) / "fs"
        return LayerTarget(form=LayerForm.OVERLAY, directory=directory, user_xattr=self._user_xattr)

    def _fill(self, directory: Path, kind: Kind, parents: list[Path]) -> None:
        make_upper_directory(directory, kind)
        if parents:
            copy_root_attributes(parents[0] / "fs", directory / "fs")
        if self._volatile and kind is Kind.ACTIVE:
            (directory / "boot").symlink_to(boot_id())

    def _finish(self, directory: Path, parents: list[Path]) -> None:
        if parents:
            inherit_root(directory / "fs", parents[0] / "fs")
        sync_file_system(directory)

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


def inherit_root(root: Path, parent_root: Path) -> None:
    """Give a layer that says nothing of its root directory the owner and mode of its parent's.

    Overlayfs takes those of the uppermost layer. A layer unpacked without its parent has them as we made them.
    """
    if is_untouched_root(root):
        times = root.stat()
        copy_root_attributes(parent_root, root)
        os.utime(root, ns=(times.st_atime_ns, times.st_mtime_ns))


def is_untouched_root(root: Path) -> bool:
    """Whether a layer's root directory has the owner and mode that we gave it."""
    status = root.stat()
    owner = (os.geteuid(), os.getegid())
    return stat.S_IMODE(status.st_mode) == _ROOT_MODE and (status.st_uid, status.st_gid) == owner


def overlay_mounts(directory: Path, kind: Kind, lower: list[Path], options: Sequence[str]) -> list[Mount]:
    """The mount of a snapshot over directories of layers, the uppermost first; the options in containerd's order."""
    upper = directory / "fs"
    if kind is Kind.VIEW and len(lower) <= 1:
        return [Mount(type="bind", source=str(lower[0] if lower else upper), options=("ro", "rbind"))]
    if not lower:  # overlayfs wants at least one, and there is nothing to lay over
        return [Mount(type="bind", source=str(upper), options=("rw", "rbind"))]
    own = (f"workdir={directory / 'work'}", f"upperdir={upper}") if kind is Kind.ACTIVE else ()
    lower_option = "lowerdir=" + ":".join(str(path) for path in lower)
    return [Mount(type="overlay", source="overlay", options=(*options, *own, lower_option))]


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


def is_in_user_namespace(uid_map: Path = Path("/proc/self/uid_map")) -> bool:
    """Whether this process is in a user namespace other than the first one."""
    try:
        return uid_map.read_text(encoding="ascii").split() != _NO_USER_NAMESPACE
    except FileNotFoundError:  # a kernel without user namespaces
        return False


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
