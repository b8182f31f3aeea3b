"""An interpreter for the few eBPF instructions that device filters are made of."""

from __future__ import annotations

import struct

_KIND = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}


def is_allowed(program: bytes, kind: str, major: int, minor: int, access: str) -> bool:
    """Whether the filter lets somebody open or make this device."""
    context = struct.pack("<III", _KIND[kind] | sum(_ACCESS[one] for one in access) << 16, major, minor)
    instructions = [struct.unpack_from("<BBhI", program, offset) for offset in range(0, len(program), 8)]
    registers: dict[int, int] = {}
    place = 0
    while True:
        code, operands, offset, value = instructions[place]
        target, source = operands & 0xF, operands >> 4
        place += 1
        if code == 0x61:  # ldxw; the context is register 1 at the start
            assert source == 1
            assert 1 not in registers
            registers[target] = struct.unpack_from("<I", context, offset)[0]
        elif code == 0x54:
            registers[target] &= value
        elif code == 0x74:
            registers[target] >>= value
        elif code == 0xBC:
            registers[target] = registers[source]
        elif code == 0xB4:
            registers[target] = value
        elif code == 0x16:
            place += offset if registers[target] == value else 0
        elif code == 0x56:
            place += offset if registers[target] != value else 0
        else:
            assert code == 0x95, f"instruction {code:#x} is not one of a device filter"
            return bool(registers[0])
