"""Loop devices (loop(4)): a file as a block device, for kernels whose file systems cannot be mounted from files."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from orlop.errors import Unavailable
from orlop.linux.errno_text import kernel_error

_LOOP_CTL_GET_FREE = 0x4C82
_LOOP_CONFIGURE = 0x4C0A  # Linux 5.8: file, flags and block size at once
_LO_FLAGS_READ_ONLY, _LO_FLAGS_AUTOCLEAR = 1, 4
_NAME_BYTES = 63  # lo_file_name, which is for people only, less its NUL
# struct loop_config: fd, block_size, struct loop_info64 (five 64-bit fields, lo_number, lo_encrypt_type,
# lo_encrypt_key_size, lo_flags, lo_file_name, lo_crypt_name, lo_encrypt_key, lo_init), __reserved.
_CONFIG = struct.Struct("=II5Q4I64s64s32s2Q64x")
_TRIES = 100  # between asking for a free device and taking it, somebody else may


def attach_loop_device(path: str, *, control: str = "/dev/loop-control") -> tuple[str, int]:
    """A read-only loop device over a file: its path, and a file descriptor of it, which the caller closes.

    The device is free again when nobody has it open or mounted.

    Raises:
        Unavailable: this machine has no loop devices.
        KernelError: the file cannot be opened, or no device can be had.
    """
    try:
        control_fd = os.open(control, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Unavailable(f"{control} does not exist", hint="load the kernel module loop") from error
    except OSError as error:
        raise kernel_error("open", f'"{control}"', error.errno or 0) from error
    try:
        return _attach(path, control_fd)
    finally:
        os.close(control_fd)


def _attach(path: str, control_fd: int) -> tuple[str, int]:
    try:
        file_fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise kernel_error("open", f'"{path}"', error.errno or 0) from error
    try:
        name = os.fsencode(path)[:_NAME_BYTES]
        flags = _LO_FLAGS_READ_ONLY | _LO_FLAGS_AUTOCLEAR
        config = _CONFIG.pack(file_fd, 0, 0, 0, 0, 0, 0, 0, 0, 0, flags, name, b"", b"", 0, 0)
        for _ in range(_TRIES):
            device = f"/dev/loop{fcntl.ioctl(control_fd, _LOOP_CTL_GET_FREE)}"
            device_fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device_fd, _LOOP_CONFIGURE, config)
            except OSError as error:
                os.close(device_fd)
                if error.errno != errno.EBUSY:
                    raise kernel_error("ioctl", f'"{device}", LOOP_CONFIGURE, "{path}"', error.errno or 0) from error
            else:
                return device, device_fd
    finally:
        os.close(file_fd)
    raise Unavailable("no free loop device", hint="others take them; try again")
