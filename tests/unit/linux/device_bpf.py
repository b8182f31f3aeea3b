"""An interpreter for the few eBPF instructions that device filters are made of, as strict as the kernel's verifier."""

from __future__ import annotations

import struct

_KIND = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}

_CONTEXT_REGISTER = 1
_LOAD, _AND, _SHIFT_RIGHT, _MOVE_REGISTER, _MOVE, _JUMP_EQUAL, _JUMP_UNEQUAL, _EXIT = (
    0x61, 0x54, 0x74, 0xBC, 0xB4, 0x16, 0x56, 0x95,
)  # fmt: skip

# The fields that an instruction has; the others are reserved, and the kernel refuses what is not zero there.
_FIELDS = {
    _LOAD: {"target", "source", "offset"},
    _AND: {"target", "value"},
    _SHIFT_RIGHT: {"target", "value"},
    _MOVE_REGISTER: {"target", "source"},
    _MOVE: {"target", "value"},
    _JUMP_EQUAL: {"target", "offset", "value"},
    _JUMP_UNEQUAL: {"target", "offset", "value"},
    _EXIT: set(),
}


def is_allowed(program: bytes, kind: str, major: int, minor: int, access: str) -> bool:
    """Whether the filter lets somebody open or make this device."""
    context = struct.pack("<III", _KIND[kind] | sum(_ACCESS[one] for one in access) << 16, major, minor)
    registers: dict[int, int] = {}
    place = 0
    while True:
        code, target, source, offset, value = _decoded(program, place)
        place += 1
        if code == _LOAD:
            assert source == _CONTEXT_REGISTER
            assert _CONTEXT_REGISTER not in registers, "the context was overwritten"
            registers[target] = struct.unpack_from("<I", context, offset)[0]
        elif code == _AND:
            registers[target] &= value
        elif code == _SHIFT_RIGHT:
            registers[target] >>= value
        elif code == _MOVE_REGISTER:
            registers[target] = registers[source]
        elif code == _MOVE:
            registers[target] = value
        elif code in (_JUMP_EQUAL, _JUMP_UNEQUAL):
            place += offset if (registers[target] == value) == (code == _JUMP_EQUAL) else 0
        else:
            return bool(registers[0])


def _decoded(program: bytes, place: int) -> tuple[int, int, int, int, int]:
    code, operands, offset, value = struct.unpack_from("<BBhI", program, place * 8)
    fields = {"target": operands & 0xF, "source": operands >> 4, "offset": offset, "value": value}
    reserved = set(fields) - _FIELDS[code]
    assert not [name for name in reserved if fields[name]], f"a reserved field of {code:#x} is not zero"
    return code, fields["target"], fields["source"], offset, value
