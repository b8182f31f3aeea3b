"""What an ELF file says of its loader and its libraries. Nothing of it is run, and no other program is asked.

The layout is that of the ELF specification (elf(5)): the program headers lead to the interpreter's name and to the
dynamic section, whose entries are offsets into a table of strings at an address that a loadable segment maps.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

_MAGIC = b"\x7fELF"
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 10, 15, 29
_MAX_HEADERS = 4096
_MAX_DYNAMIC_BYTES = 1 << 20
_MAX_STRINGS_BYTES = 64 << 20  # a library's symbol names stand in the same table
_MAX_INTERPRETER_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """A program or library. `abi` is what it shares with the libraries that it can load: class, byte order, machine."""

    abi: tuple[int, int, int]
    interpreter: str
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """How the numbers of a class and byte order are written."""

    header: struct.Struct  # of the file, from e_type on
    program: struct.Struct
    dynamic: struct.Struct
    is_64: bool

    @classmethod
    def of(cls, *, is_64: bool, is_little: bool) -> _Format:
        header, program, dynamic = ("HHIQQQIHHH", "IIQQQQQQ", "qQ") if is_64 else ("HHIIIIIHHH", "IIIIIIII", "iI")
        order = "<" if is_little else ">"
        return cls(
            header=struct.Struct(order + header),
            program=struct.Struct(order + program),
            dynamic=struct.Struct(order + dynamic),
            is_64=is_64,
        )

    def segment(self, data: bytes) -> _Segment:
        """One program header."""
        fields = self.program.unpack(data)
        if self.is_64:  # type, flags, offset, vaddr, paddr, filesz
            return _Segment(fields[0], fields[2], fields[3], fields[5])
        return _Segment(fields[0], fields[1], fields[2], fields[4])  # type, offset, vaddr, paddr, filesz


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


def read_elf(descriptor: int) -> Elf | None:
    """What the file says, or None: it is no file, no ELF file, or one that no loader could make sense of."""
    try:
        return _parse(descriptor)
    except (struct.error, UnicodeDecodeError, OverflowError, OSError):  # the latter for offsets of any size
        return None


def _parse(descriptor: int) -> Elf | None:
    ident = os.pread(descriptor, 16, 0)
    if len(ident) < 16 or ident[:4] != _MAGIC or ident[4] not in (1, 2) or ident[5] not in (1, 2):
        return None
    form = _Format.of(is_64=ident[4] == 2, is_little=ident[5] == 1)
    header = form.header.unpack(os.pread(descriptor, form.header.size, 16))
    machine, table, size, count = header[1], header[4], header[8], header[9]
    if count > _MAX_HEADERS or (count and size < form.program.size):
        return None
    segments = [form.segment(os.pread(descriptor, form.program.size, table + index * size)) for index in range(count)]
    values = _dynamic(descriptor, form, segments)
    names = _Strings(descriptor, segments, values)
    return Elf(
        abi=(ident[4], ident[5], machine),
        interpreter=_interpreter(descriptor, segments),
        needed=tuple(names.at(offset) for offset in values.get(_DT_NEEDED, [])),
        rpath=_search_path(names, values.get(_DT_RPATH, [])),
        runpath=_search_path(names, values.get(_DT_RUNPATH, [])),
    )


def _interpreter(descriptor: int, segments: list[_Segment]) -> str:
    for segment in segments:
        if segment.kind == _PT_INTERP:
            name = os.pread(descriptor, min(segment.size, _MAX_INTERPRETER_BYTES), segment.offset)
            return name.partition(b"\0")[0].decode()
    return ""


def _dynamic(descriptor: int, form: _Format, segments: list[_Segment]) -> dict[int, list[int]]:
    """The values of the dynamic section by their tag, in order."""
    values: dict[int, list[int]] = {}
    for segment in segments:
        if segment.kind != _PT_DYNAMIC:
            continue
        data = os.pread(descriptor, min(segment.size, _MAX_DYNAMIC_BYTES), segment.offset)
        for tag, value in form.dynamic.iter_unpack(data[: len(data) // form.dynamic.size * form.dynamic.size]):
            if tag == _DT_NULL:
                break
            values.setdefault(tag, []).append(value)
    return values


class _Strings:
    """The strings of the dynamic section."""

    def __init__(self, descriptor: int, segments: list[_Segment], values: dict[int, list[int]]) -> None:
        self._table = b""
        address, size = values.get(_DT_STRTAB, [0])[0], values.get(_DT_STRSZ, [0])[0]
        for segment in segments:
            within = address - segment.address
            if segment.kind == _PT_LOAD and 0 <= within < segment.size:
                self._table = os.pread(descriptor, min(size, _MAX_STRINGS_BYTES), segment.offset + within)
                return

    def at(self, offset: int) -> str:
        """The string at an offset; "" where the table has none."""
        return self._table[offset : self._table.find(b"\0", offset)].decode() if offset < len(self._table) else ""


def _search_path(names: _Strings, offsets: list[int]) -> tuple[str, ...]:
    return tuple(part for offset in offsets for part in names.at(offset).split(":") if part)
