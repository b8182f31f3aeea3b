"""An interpreter for classic BPF as seccomp filters use it (linux/filter.h)."""

from __future__ import annotations

import struct

RETURN_KILL_THREAD = 0x00000000
RETURN_ERRNO = 0x00050000
RETURN_ALLOW = 0x7FFF0000

ARCHITECTURE_X86_64 = 0xC000003E
ARCHITECTURE_I386 = 0x40000003


def run_filter(program: bytes, number: int, *arguments: int, architecture: int = ARCHITECTURE_X86_64) -> int:
    """What the filter returns for a system call."""
    values = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, architecture, 0, *values)
    instructions = [struct.unpack_from("<HBBI", program, offset) for offset in range(0, len(program), 8)]
    accumulator, place = 0, 0
    while True:
        code, if_true, if_false, value = instructions[place]
        place += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif code == 0x54:
            accumulator &= value
        elif code == 0x05:
            place += value
        elif code == 0x06:
            return int(value)
        else:
            holds = {
                0x15: accumulator == value,
                0x25: accumulator > value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[code]
            place += if_true if holds else if_false
