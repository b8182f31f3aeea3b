"""Compiled seccomp filters by the hash of what they were compiled from, so that a start need not load libseccomp.

The cache is a directory that only its owner can write; a program in it was put there whole, by rename, with its hash.
"""

from __future__ import annotations

import posix
from _blake2 import blake2b

from orlop.oci.json_codec import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORMAT = "2"  # raised when the compilation, or the form of a file, changes
_HASH_BYTES = 20
_FLAGS_BYTES = 4
_PROGRAM_MAX_BYTES = 4096 * 8  # BPF_MAXINSNS

_LIBRARY = "libseccomp.so.2"
_LIBRARY_DIRECTORIES = (
    "/usr/lib/{machine}-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/lib/{machine}-linux-gnu",
    "/lib64",
    "/lib",
)


def compiled_filter(section: dict[str, Any], directory: str, *, keep: bool = True) -> tuple[bytes, int]:
    """The program and the seccomp(2) flags of a valid `linux.seccomp` section, from the cache or compiled.

    What was compiled goes into the cache, unless `keep` is false.

    Raises:
        Unavailable: libseccomp is not installed.
        InvalidArgument: libseccomp refuses a rule.
    """
    path = f"{directory}/{_key(section)}"
    cached = _read(path)
    if cached is not None:
        return cached[_FLAGS_BYTES:], int.from_bytes(cached[:_FLAGS_BYTES], "little")
    from orlop.linux.seccomp import compile_filter, filter_flags

    program, flags = compile_filter(section), filter_flags(section)
    if keep:
        _write(directory, path, flags.to_bytes(_FLAGS_BYTES, "little") + program)
    return program, flags


def _key(section: dict[str, Any]) -> str:
    """The name of a section's file: another section, machine or libseccomp makes another filter."""
    machine = posix.uname().machine
    return _hash(f"{_FORMAT} {machine} {_library_file(machine)} {encode(section)}".encode()).hex()


def _library_file(machine: str) -> str:
    """The file of the installed libseccomp, such as libseccomp.so.2.5.4; "" when it is in no usual place.

    Asking the library for its version would mean to load it, which is what the cache is there to avoid.
    """
    for directory in _LIBRARY_DIRECTORIES:
        try:
            return posix.readlink(f"{directory.format(machine=machine)}/{_LIBRARY}")
        except OSError:
            continue
    return ""


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=_HASH_BYTES).digest()


def _read(path: str) -> bytes | None:
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    except OSError:
        return None
    try:
        if posix.fstat(fd).st_uid != posix.geteuid():
            return None
        data = posix.read(fd, _HASH_BYTES + _FLAGS_BYTES + _PROGRAM_MAX_BYTES)
    except OSError:
        return None
    finally:
        posix.close(fd)
    content = data[_HASH_BYTES:]
    # A program cut short could still load, and refuse less than it should.
    return content if len(content) > _FLAGS_BYTES and _hash(content) == data[:_HASH_BYTES] else None


def _write(directory: str, path: str, content: bytes) -> None:
    """Keep a program; a cache that cannot be written only costs time."""
    import os  # only when there is something to write

    temporary = f"{path}.{posix.getpid()}"
    try:
        os.makedirs(directory, 0o700, exist_ok=True)
        fd = posix.open(temporary, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, 0o600)
        try:
            posix.write(fd, _hash(content) + content)
        finally:
            posix.close(fd)
        posix.rename(temporary, path)
    except OSError:
        return
