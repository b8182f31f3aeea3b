"""The device rules of a container as an eBPF program for cgroup v2 (BPF_PROG_TYPE_CGROUP_DEVICE, kernel 4.15).

The program gets a struct bpf_cgroup_dev_ctx: u32 access_type (device type in the low half, access in the high one), u32
major, u32 minor. It returns 1 to allow. The last rule that matches decides, so the rules are tested from the last one.
"""

from __future__ import annotations

from _struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TYPE = {"b": 1, "c": 2, "u": 2}  # BPF_DEVCG_DEV_*
_ACCESS = {"m": 1, "r": 2, "w": 4}  # BPF_DEVCG_ACC_*

_LOAD_WORD, _AND, _SHIFT_RIGHT, _MOVE_REGISTER, _MOVE = 0x61, 0x54, 0x74, 0xBC, 0xB4
_JUMP_UNEQUAL, _JUMP_UNEQUAL_REGISTER, _EXIT = 0x56, 0x5E, 0x95
_CONTEXT, _RESULT, _KIND, _ASKED, _MAJOR, _MINOR = 1, 0, 2, 3, 4, 5


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
    verdict = _verdict(allow=rule["allow"])
    kind = rule.get("type", "a")
    if kind == "a":
        return verdict
    tests: list[tuple[int, int, int, int]] = [(_JUMP_UNEQUAL, _KIND, 0, _TYPE[kind])]
    access = sum(_ACCESS[letter] for letter in set(rule.get("access") or "rwm"))
    masked = access != 7
    if rule.get("major", -1) >= 0:
        tests.append((_JUMP_UNEQUAL, _MAJOR, 0, rule["major"]))
    if rule.get("minor", -1) >= 0:
        tests.append((_JUMP_UNEQUAL, _MINOR, 0, rule["minor"]))
    # An allowing rule matches when it covers all that is asked; a refusing one when it covers any of it.
    extra = 3 if masked else 0
    body: list[bytes] = []
    left = len(tests) + extra
    for code, destination, source, value in tests:
        left -= 1
        body.append(_instruction(code, destination, source, left + len(verdict), value))
    if masked:
        body.append(_instruction(_MOVE_REGISTER, 1, _ASKED, 0, 0))
        body.append(_instruction(_AND, 1, 0, 0, access))
        if rule["allow"]:
            body.append(_instruction(_JUMP_UNEQUAL_REGISTER, 1, _ASKED, len(verdict), 0))
        else:
            body.append(_instruction(0x16, 1, 0, len(verdict), 0))  # JEQ 0: none of it is asked
    return body + verdict


def _verdict(*, allow: bool) -> list[bytes]:
    return [_instruction(_MOVE, _RESULT, 0, 0, int(allow)), _instruction(_EXIT, 0, 0, 0, 0)]


def _instruction(code: int, destination: int, source: int, offset: int, value: int) -> bytes:
    return pack("<BBhI", code, destination | source << 4, offset, value)
