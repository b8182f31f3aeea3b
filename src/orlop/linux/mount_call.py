"""The system calls of mounting, for which Python has no functions; and syncfs(2).

They are mount(2), umount2(2), and those of the mount API of Linux 5.2. What a mount is to be is for `fstab_mount`.
Each call goes on after EINTR, and raises a KernelError that names call, arguments, flags and errno. A file descriptor
that one returns belongs to the caller, and is closed on exec.
"""

from __future__ import annotations

import ctypes
import errno
import os

from orlop.linux.errno_text import kernel_error
from orlop.linux.flags import (
    AT_EMPTY_PATH,
    AT_RECURSIVE,
    OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE,
    mount_attribute_names,
    mount_flag_names,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.errors import KernelError

MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
_UMOUNT_NAMES = {MNT_DETACH: "MNT_DETACH", UMOUNT_NOFOLLOW: "UMOUNT_NOFOLLOW"}

# System call numbers. From 424 on they are the same on every architecture but alpha.
_OPEN_TREE, _MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT, _MOUNT_SETATTR = 428, 429, 430, 431, 432, 442

_AT_FDCWD = -100
_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 0, 1, 6
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MESSAGE_BYTES = 4096

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _MountAttr(ctypes.Structure):
    """struct mount_attr."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def mount(source: str, target: str, *, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """Mount as the system call does. `data` has to fit into one page, less its last byte."""
    arguments = (_c(source), _c(target), _c(fstype), ctypes.c_ulong(flags), _c(data) if data else None)
    number = _retry(_libc.mount, *arguments)
    if number < 0:
        shown = [f'{fstype} "{source}" -> "{target}"'.lstrip()]
        shown += [f"flags={mount_flag_names(flags)}"] if flags else []
        shown += [f'data="{data}"'] if data else []
        raise _error("mount", ", ".join(shown))


def unmount(target: str, *, flags: int = 0) -> None:
    """Unmount the uppermost mount at `target`, by umount2(2)."""
    if _retry(_libc.umount2, _c(target), ctypes.c_int(flags)) < 0:
        names = "|".join(name for bit, name in _UMOUNT_NAMES.items() if flags & bit)
        raise _error("umount2", f'"{target}"' + (f", flags={names}" if names else ""))


def open_tree(path: str, *, recursive: bool = False) -> int:
    """A copy of the mount at `path` that is attached nowhere; with `recursive`, of those below it too."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (AT_RECURSIVE if recursive else 0)
    tree_fd = _syscall(_OPEN_TREE, ctypes.c_int(_AT_FDCWD), _c(path), ctypes.c_uint(flags))
    if tree_fd < 0:
        names = "OPEN_TREE_CLONE|AT_RECURSIVE" if recursive else "OPEN_TREE_CLONE"
        raise _error("open_tree", f'"{path}", flags={names}')
    return tree_fd


def mount_setattr(mount_fd: int, *, attr_set: int = 0, attr_clr: int = 0, recursive: bool = False) -> None:
    """Change the attributes (MOUNT_ATTR_*) of a mount; with `recursive`, of those below it too. Linux 5.12."""
    attributes = _MountAttr(attr_set=attr_set, attr_clr=attr_clr)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    empty, pointer = _c(""), ctypes.byref(attributes)
    if _syscall(_MOUNT_SETATTR, ctypes.c_int(mount_fd), empty, ctypes.c_uint(flags), pointer, size) < 0:
        names = f"set={mount_attribute_names(attr_set)}, clear={mount_attribute_names(attr_clr)}"
        raise _error("mount_setattr", names)


def move_mount(mount_fd: int, target: str) -> None:
    """Attach a mount, which a file descriptor holds, at `target`."""
    flags = ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH)
    arguments = (ctypes.c_int(mount_fd), _c(""), ctypes.c_int(_AT_FDCWD), _c(target), flags)
    if _syscall(_MOVE_MOUNT, *arguments) < 0:
        raise _error("move_mount", f'-> "{target}"')


def fsopen(fstype: str) -> int:
    """A context in which a file system of this type is configured."""
    context_fd = _syscall(_FSOPEN, _c(fstype), ctypes.c_uint(_FSOPEN_CLOEXEC))
    if context_fd < 0:
        raise _error("fsopen", f'"{fstype}"')
    return context_fd


def fsconfig_string(context_fd: int, key: str, value: str) -> None:
    """Set a parameter of the file system. The kernel takes up to 255 bytes."""
    arguments = (ctypes.c_uint(_FSCONFIG_SET_STRING), _c(key), _c(value), ctypes.c_int(0))
    if _syscall(_FSCONFIG, ctypes.c_int(context_fd), *arguments) < 0:
        raise _context_error(context_fd, f'{key}="{value}"')


def fsconfig_flag(context_fd: int, key: str) -> None:
    """Set a parameter that has no value."""
    arguments = (ctypes.c_uint(_FSCONFIG_SET_FLAG), _c(key), None, ctypes.c_int(0))
    if _syscall(_FSCONFIG, ctypes.c_int(context_fd), *arguments) < 0:
        raise _context_error(context_fd, key)


def fsconfig_create(context_fd: int) -> None:
    """Make the file system."""
    arguments = (ctypes.c_uint(_FSCONFIG_CMD_CREATE), None, None, ctypes.c_int(0))
    if _syscall(_FSCONFIG, ctypes.c_int(context_fd), *arguments) < 0:
        raise _context_error(context_fd, "FSCONFIG_CMD_CREATE")


def fsmount(context_fd: int, *, attributes: int = 0) -> int:
    """A mount of the file system, with these attributes (MOUNT_ATTR_*), attached nowhere."""
    arguments = (ctypes.c_int(context_fd), ctypes.c_uint(_FSMOUNT_CLOEXEC), ctypes.c_uint(attributes))
    mount_fd = _syscall(_FSMOUNT, *arguments)
    if mount_fd < 0:
        raise _context_error(context_fd, f"attributes={mount_attribute_names(attributes)}", call="fsmount")
    return mount_fd


def syncfs(path_fd: int) -> None:
    """Write all of a file system to its disk. `path_fd` is open on it, and not by O_PATH.

    Raises:
        KernelError: also where writing failed earlier, since this file descriptor was opened (Linux 5.8).
    """
    if _retry(_libc.syncfs, ctypes.c_int(path_fd)) < 0:
        raise _error("syncfs", os.readlink(f"/proc/self/fd/{path_fd}"))


def _c(text: str) -> ctypes.c_char_p:
    return ctypes.c_char_p(os.fsencode(text))


def _syscall(number: int, *arguments: object) -> int:
    return _retry(_libc.syscall, ctypes.c_long(number), *arguments)


def _retry(function: ctypes._NamedFuncPointer, *arguments: object) -> int:
    while True:
        ctypes.set_errno(0)
        result = int(function(*arguments))
        if result >= 0 or ctypes.get_errno() != errno.EINTR:
            return result


def _error(call: str, arguments: str) -> KernelError:
    return kernel_error(call, arguments, ctypes.get_errno())


def _context_error(context_fd: int, arguments: str, *, call: str = "fsconfig") -> KernelError:
    """The error with what the file system says about it, which stands in the context, one message for each read(2)."""
    number = ctypes.get_errno()
    messages = []
    while True:
        try:
            message = os.read(context_fd, _MESSAGE_BYTES)
        except OSError:  # ENODATA: no more of them
            break
        messages.append(message.decode("utf-8", "replace").strip().removeprefix("e "))
    shown = f"{arguments} ({'; '.join(messages)})" if messages else arguments
    return kernel_error(call, shown, number)
