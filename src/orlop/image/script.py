"""Which programs a script wants: its interpreter, and what `env` looks up for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from orlop.errors import NotFound

CONTAINER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FIRST_LINE_BYTES = 256  # BINPRM_BUF_SIZE since Linux 5.1


def interpreters_of(path: str) -> list[str]:
    """Paths of the programs that running the file at `path` runs first; none if it is no script.

    Raises:
        NotFound: one of them is not on this host.
    """
    line = _first_line(path)
    if not line.startswith(b"#!"):
        return []
    words = os.fsdecode(line[2:]).split()
    if not words or not words[0].startswith("/"):
        return []
    programs = words[:1]
    if PurePosixPath(words[0]).name == "env":
        name = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
        programs += [name if "/" in name else shutil.which(name, path=CONTAINER_PATH) or name] if name else []
    for program in programs:
        if not Path(program).exists():
            raise NotFound(f"{path}: its interpreter {program} is not on this host", hint="install it")
    return programs


def _first_line(path: str) -> bytes:
    """As much of it as the kernel reads; none of what is no file, or cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, _FIRST_LINE_BYTES, 0).partition(b"\n")[0]
    except OSError:  # a directory, a device
        return b""
    finally:
        os.close(descriptor)
