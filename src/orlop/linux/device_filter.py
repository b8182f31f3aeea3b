"""The device rules of a container as an eBPF program for cgroup v2 (BPF_PROG_TYPE_CGROUP_DEVICE, kernel 4.15).

The program gets a struct bpf_cgroup_dev_ctx: u32 access_type (device type in the low half, access in the high one), u32
major, u32 minor. It returns 1 to allow. For each kind of access (read, write, mknod) the last rule that matches
decides, as cgroup v1 has it, so the rules are tested from the last one; an open for reading and writing needs both.
"""

from __future__ import annotations

from _struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TYPE = {"b": 1, "c": 2}  # BPF_DEVCG_DEV_*
_ACCESS = {"m": 1, "r": 2, "w": 4}  # BPF_DEVCG_ACC_*

_ACCESS_ALL = 7

# Opcodes (linux/bpf.h): BPF_LDX|BPF_MEM|BPF_W, and BPF_ALU and BPF_JMP32 operations with an immediate or a register.
_LOAD_WORD, _AND, _SHIFT_RIGHT, _MOVE_REGISTER, _MOVE = 0x61, 0x54, 0x74, 0xBC, 0xB4
_JUMP_EQUAL, _JUMP_UNEQUAL, _EXIT = 0x16, 0x56, 0x95
# Registers. The context is not needed once its words are loaded.
_RESULT, _CONTEXT, _SCRATCH, _KIND, _ASKED, _MAJOR, _MINOR = 0, 1, 1, 2, 3, 4, 5


def device_filter_program(rules: Sequence[dict[str, Any]]) -> bytes:
    """The instructions (struct bpf_insn) that enforce the rules; a device that no rule matches is refused."""
    program = [
        _instruction(_LOAD_WORD, _KIND, _CONTEXT, 0, 0),
        _instruction(_AND, _KIND, 0, 0, 0xFFFF),
        _instruction(_LOAD_WORD, _ASKED, _CONTEXT, 0, 0),
        _instruction(_SHIFT_RIGHT, _ASKED, 0, 0, 16),
        _instruction(_LOAD_WORD, _MAJOR, _CONTEXT, 4, 0),
        _instruction(_LOAD_WORD, _MINOR, _CONTEXT, 8, 0),
    ]
    for rule in reversed(rules):
        program.extend(_rule(rule))
        if rule.get("type", "a") == "a":
            break  # what stands before it never decides
    else:
        program.extend(_verdict(allow=False))
    return b"".join(program)


def _rule(rule: dict[str, Any]) -> list[bytes]:
    """The instructions of one rule: tests that lead past it, then the verdict."""
    verdict = _verdict(allow=rule["allow"])
    kind = rule.get("type", "a")
    if kind == "a":
        return verdict
    access = sum(_ACCESS[letter] for letter in set(rule.get("access") or "rwm"))
    decision = [*_access_test(access, len(verdict), allow=rule["allow"]), *verdict]
    tests = [(_KIND, _TYPE[kind])]
    if rule.get("major", -1) >= 0:
        tests.append((_MAJOR, rule["major"]))
    if rule.get("minor", -1) >= 0:
        tests.append((_MINOR, rule["minor"]))
    jumps = [
        _instruction(_JUMP_UNEQUAL, register, 0, len(tests) - number + len(decision), value)
        for number, (register, value) in enumerate(tests, 1)
    ]
    return jumps + decision


def _access_test(access: int, verdict_length: int, *, allow: bool) -> list[bytes]:
    """Jump past the verdict: while something asked for is not allowed yet, or when nothing asked for is refused."""
    if access == _ACCESS_ALL:
        return []
    if allow:
        return [
            _instruction(_AND, _ASKED, 0, 0, ~access & 0xFFFFFFFF),
            _instruction(_JUMP_UNEQUAL, _ASKED, 0, verdict_length, 0),
        ]
    return [
        _instruction(_MOVE_REGISTER, _SCRATCH, _ASKED, 0, 0),
        _instruction(_AND, _SCRATCH, 0, 0, access),
        _instruction(_JUMP_EQUAL, _SCRATCH, 0, verdict_length, 0),
    ]


def _verdict(*, allow: bool) -> list[bytes]:
    return [_instruction(_MOVE, _RESULT, 0, 0, int(allow)), _instruction(_EXIT, 0, 0, 0, 0)]


def _instruction(code: int, destination: int, source: int, offset: int, value: int) -> bytes:
    return pack("<BBhI", code, destination | source << 4, offset, value)
