"""One mount, told as in fstab: type, source and options; and the state of a mount point.

Linux 5.14 is what we ask for, so the mount API of 5.2 is there. Two things of it are younger: overlayfs takes its
lower directories one by one since 6.7 (`lowerdir+`). Before, all of them are one string, and a string of fsconfig(2)
ends at 255 bytes: there mount(2) is called, whose data is a page. Paths that are too long, or that the file system
would take apart at a comma or a colon, are given as file descriptors, `/proc/self/fd/N`.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack

from orlop.errors import InvalidArgument, KernelError
from orlop.linux import mount_call
from orlop.linux.flags import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, O_PATH
from orlop.linux.mount_options import parse_mount_options
from orlop.linux.mountinfo import parse_mountinfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.linux.mount_options import MountOptions
    from orlop.linux.mountinfo import Mount

_STRING_BYTES = 255  # fsconfig(2)
_PATH_KEYS = frozenset(("lowerdir", "upperdir", "workdir", "device"))
_FLAGS = {"ro": MS_RDONLY, "nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC}  # those of mount(2) in use


def attach(fstype: str, source: str, options: Sequence[str], target: str) -> None:
    """Mount `source` at `target`. `bind` and `rbind` among the options make a bind mount, whatever the type.

    Raises:
        InvalidArgument: an option that is none of a new mount.
        KernelError: a call failed; nothing is mounted then.
    """
    parsed = parse_mount_options(options)
    if parsed.is_remount or parsed.propagation or parsed.tmpcopyup:
        shown = ",".join(options)
        raise InvalidArgument(f"mount {target}: {shown}: remount, propagation and tmpcopyup are not for a new mount")
    if parsed.is_bind or parsed.is_recursive_bind:
        _attach_bind(source, parsed, target)
    elif fstype == "overlay":
        _attach_overlay(source, parsed, options, target)
    else:
        _attach_file_system(fstype, source, parsed, target)


def is_mount_point(path: str) -> bool:
    """Whether something is mounted at `path`; False where there is no such path.

    The mount points of this process are asked (mountinfo), for a bind mount of the same device shows nowhere else.
    """
    return any(mount.mountpoint == path for mount in _mounts())


def mount_points_below(path: str) -> list[str]:
    """The mount points at and below `path`, the innermost and latest first: an order in which they can be unmounted."""
    points = [mount.mountpoint for mount in _mounts()]
    return [point for point in reversed(points) if point == path or point.startswith(f"{path}/")]


def detach(path: str) -> bool:
    """Unmount the uppermost mount at `path`, at once where it is free, else when its last user is gone.

    Returns whether there was one.
    """
    for flags in (mount_call.UMOUNT_NOFOLLOW, mount_call.UMOUNT_NOFOLLOW | mount_call.MNT_DETACH):
        try:
            mount_call.unmount(path, flags=flags)
        except KernelError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):  # no mount point; no such path
                return False
            if error.errno != errno.EBUSY:
                raise
        else:
            return True
    return False


def _attach_bind(source: str, parsed: MountOptions, target: str) -> None:
    tree_fd = mount_call.open_tree(source, recursive=parsed.is_recursive_bind)
    try:
        if parsed.attr_set or parsed.attr_clr:
            mount_call.mount_setattr(tree_fd, attr_set=parsed.attr_set, attr_clr=parsed.attr_clr)
        if parsed.rec_attr_set or parsed.rec_attr_clr:
            changes = {"attr_set": parsed.rec_attr_set, "attr_clr": parsed.rec_attr_clr}
            mount_call.mount_setattr(tree_fd, **changes, recursive=True)
        mount_call.move_mount(tree_fd, target)
    finally:
        os.close(tree_fd)


def _attach_overlay(source: str, parsed: MountOptions, options: Sequence[str], target: str) -> None:
    lower, others = _lower_directories(parsed.data)
    one_by_one = [f"lowerdir+={path}" for path in lower]
    if len(":".join(lower).encode()) <= _STRING_BYTES or not lower:
        _attach_file_system("overlay", source, parsed, target)
        return
    try:
        _attach_file_system("overlay", source, parsed, target, data=[*others, *one_by_one])
    except KernelError as error:
        # Before 6.7 the option is unknown; before 6.5 that comes out when the file system is made.
        if error.errno != errno.EINVAL:
            raise
        try:
            attach_overlay_by_descriptors(source, options, target)
        except KernelError as second:
            if second.errno == errno.EINVAL:
                raise error from second  # it was not the option; the first one has the kernel's own message
            raise


def attach_overlay_by_descriptors(source: str, options: Sequence[str], target: str) -> None:
    """What `attach` does for many lower directories before Linux 6.7: mount(2), each path a file descriptor.

    A layer takes up to 18 bytes of the page so, which makes 220 layers whatever their paths.
    """
    parsed = parse_mount_options(options)
    lower, others = _lower_directories(parsed.data)
    with ExitStack() as stack:
        data = [_by_descriptor(option, stack) if _is_path(option) else option for option in others]
        data.append("lowerdir=" + ":".join(_descriptor_path(path, stack) for path in lower))
        flags = 0
        for option in options:
            flags |= _FLAGS.get(option, 0)
        mount_call.mount(source, target, fstype="overlay", flags=flags, data=",".join(data))


def _attach_file_system(
    fstype: str, source: str, parsed: MountOptions, target: str, *, data: Sequence[str] | None = None
) -> None:
    with ExitStack() as stack:
        context_fd = mount_call.fsopen(fstype)
        stack.callback(os.close, context_fd)
        if len(os.fsencode(source)) > _STRING_BYTES:
            source = _descriptor_path(source, stack)
        mount_call.fsconfig_string(context_fd, "source", source)
        for flag in parsed.superblock_flags:
            mount_call.fsconfig_flag(context_fd, flag)
        for option in parsed.data if data is None else data:
            _configure(context_fd, option, stack)
        mount_call.fsconfig_create(context_fd)
        mount_fd = mount_call.fsmount(context_fd, attributes=parsed.attr_set)
        stack.callback(os.close, mount_fd)
        mount_call.move_mount(mount_fd, target)


def _configure(context_fd: int, option: str, stack: ExitStack) -> None:
    key, equals, value = option.partition("=")
    if not equals:
        mount_call.fsconfig_flag(context_fd, key)
        return
    if len(os.fsencode(value)) > _STRING_BYTES and _is_path(option):
        value = _descriptor_path(value, stack)
    mount_call.fsconfig_string(context_fd, key, value)


def _lower_directories(data: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lower directories, uppermost first, and the other options."""
    lower: list[str] = []
    others = []
    for option in data:
        key, _, value = option.partition("=")
        if key == "lowerdir":
            lower += value.split(":")
        else:
            others.append(option)
    return lower, others


def _is_path(option: str) -> bool:
    return option.partition("=")[0].removesuffix("+") in _PATH_KEYS


def _by_descriptor(option: str, stack: ExitStack) -> str:
    key, _, value = option.partition("=")
    return f"{key}={_descriptor_path(value, stack)}"


def _descriptor_path(path: str, stack: ExitStack) -> str:
    path_fd = os.open(path, O_PATH | os.O_CLOEXEC)
    stack.callback(os.close, path_fd)
    return f"/proc/self/fd/{path_fd}"


def _mounts() -> list[Mount]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return parse_mountinfo(file.read())
