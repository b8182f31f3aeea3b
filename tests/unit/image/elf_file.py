"""ELF files made by hand: as little as a loader, or our reader, looks at."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_ADDRESS = 0x400000
HOST_MACHINE = {"x86_64": 62, "aarch64": 183}.get(os.uname().machine, 62)


def elf_bytes(
    *,
    needed: Sequence[str] = (),
    rpath: str = "",
    runpath: str = "",
    interpreter: str = "",
    machine: int = HOST_MACHINE,
    is_64: bool = True,
    is_little: bool = True,
) -> bytes:
    """A program or library that says these things, and does nothing."""
    order = "<" if is_little else ">"
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        offset = len(strings)
        strings.extend(text.encode() + b"\0")
        return offset

    tags = [(1, string(name)) for name in needed]
    tags += [(15, string(rpath))] if rpath else []
    tags += [(29, string(runpath))] if runpath else []
    name = interpreter.encode() + b"\0" if interpreter else b""
    header_size, program_size, entry = (64, 56, "qQ") if is_64 else (52, 32, "iI")
    count = 3 if interpreter else 2
    name_at = header_size + count * program_size
    strings_at = name_at + len(name)
    dynamic_at = strings_at + len(strings)
    tags += [(5, _ADDRESS + strings_at), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack(order + entry, *tag) for tag in tags)
    size = dynamic_at + len(dynamic)

    def program(kind: int, offset: int, length: int) -> bytes:
        address = _ADDRESS + offset
        if is_64:
            return struct.pack(order + "IIQQQQQQ", kind, 4, offset, address, address, length, length, 1)
        return struct.pack(order + "IIIIIIII", kind, offset, address, address, length, length, 4, 1)

    ident = b"\x7fELF" + bytes([2 if is_64 else 1, 1 if is_little else 2, 1]) + bytes(9)
    numbers = (3, machine, 1, 0, header_size, 0, 0, header_size, program_size, count, 0, 0, 0)
    header = ident + struct.pack(order + ("HHIQQQIHHHHHH" if is_64 else "HHIIIIIHHHHHH"), *numbers)
    programs = program(1, 0, size) + program(2, dynamic_at, len(dynamic))
    if interpreter:
        programs += program(3, name_at, len(name))
    return header + programs + name + bytes(strings) + dynamic


def write_elf(path: Path, **says: object) -> str:
    """Such a file; its directory is made. Returns its path as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(elf_bytes(**says))  # type: ignore[arg-type]  # the keywords of elf_bytes
    path.chmod(0o755)
    return str(path)
