"""Compiled seccomp filters by the hash of what they were compiled from, so that a start need not load libseccomp.

The cache is a directory that only root can write; a program in it was put there whole, by rename.
"""

from __future__ import annotations

import os
import posix
from _blake2 import blake2b

from orlop.oci.json_codec import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORMAT = "1"  # raised when the compilation changes
_FLAGS_BYTES = 4
_PROGRAM_MAX_BYTES = 4096 * 8  # BPF_MAXINSNS


def compiled_filter(section: dict[str, Any], directory: str) -> tuple[bytes, int]:
    """The program and the seccomp(2) flags of a valid `linux.seccomp` section, from the cache or compiled and cached.

    Raises:
        Unavailable: libseccomp is not installed.
        InvalidArgument: libseccomp refuses a rule.
    """
    name = blake2b(
        f"{_FORMAT} {posix.uname().machine} {encode(section)}".encode("utf-8", "surrogatepass"), digest_size=20
    ).hexdigest()
    path = f"{directory}/{name}"
    cached = _read(path)
    if cached is not None:
        return cached[_FLAGS_BYTES:], int.from_bytes(cached[:_FLAGS_BYTES], "little")
    from orlop.linux.seccomp import compile_filter, filter_flags

    program, flags = compile_filter(section), filter_flags(section)
    _write(directory, path, flags.to_bytes(_FLAGS_BYTES, "little") + program)
    return program, flags


def _read(path: str) -> bytes | None:
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if posix.fstat(fd).st_uid != posix.geteuid():
            return None
        data = posix.read(fd, _FLAGS_BYTES + _PROGRAM_MAX_BYTES)
        return data if len(data) > _FLAGS_BYTES and len(data) % 8 == _FLAGS_BYTES else None
    finally:
        posix.close(fd)


def _write(directory: str, path: str, data: bytes) -> None:
    """Keep a program; a cache that cannot be written only costs time."""
    temporary = f"{path}.{posix.getpid()}"
    try:
        os.makedirs(directory, 0o700, exist_ok=True)
        fd = posix.open(temporary, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600)
        try:
            posix.write(fd, data)
        finally:
            posix.close(fd)
        posix.rename(temporary, path)
    except OSError:
        return
