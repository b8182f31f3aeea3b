"""The answer of a seccomp filter to system calls newer than its profile: ENOSYS, as a kernel without them says.

A C library that tries a new call falls back to an older one on ENOSYS, but gives up on EPERM. So a call whose number is
above every number that the profile names gets ENOSYS, before the filter proper decides (as runc has it since 1.0-rc93).

The code is classic BPF, in front of the filter: for each architecture

    if arch != ARCHITECTURE: go on with the next one
    if number > LAST: return ENOSYS
    go to the filter
"""

from __future__ import annotations

from _struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIT_ARCH_X86_64 = 0xC000003E
SCMP_ARCH_X32 = 0x4000003E
_AUDIT_ARCH_S390 = (0x16, 0x80000016)

_X32_SYSCALL_BIT = 0x40000000
_SETUP = 0  # s390: the kernel gives this number to a call that it does not know

_RETURN_ENOSYS = 0x00050000 | 38  # SECCOMP_RET_ERRNO
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4  # in struct seccomp_data
_LOAD, _JUMP, _EQUAL, _GREATER, _GREATER_EQUAL, _RETURN = 0x20, 0x05, 0x15, 0x25, 0x35, 0x06


def enosys_stub(last_numbers: Mapping[int, int]) -> bytes:
    """The instructions to put in front of a filter.

    `last_numbers` has the largest system call number of the profile for each libseccomp architecture in it; those
    without any are left out, and so are left to the filter.
    """
    sections = [
        (architecture, _section(architecture, last, last_numbers.get(SCMP_ARCH_X32)))
        for architecture, last in last_numbers.items()
        if architecture != SCMP_ARCH_X32
    ]
    left = sum(len(section) + 2 for _, section in sections)  # instructions between here and the filter
    program = [_instruction(_LOAD, 0, 0, _ARCHITECTURE_OFFSET)]
    for architecture, section in sections:
        left -= len(section) + 2
        program.append(_instruction(_EQUAL, 0, len(section) + 1, architecture))
        program += [*section, _instruction(_JUMP, 0, 0, left)]
    return b"".join(program)


def _section(architecture: int, last: int, last_x32: int | None) -> list[bytes]:
    """From the load of the number to the return; what falls out at its end goes to the filter."""
    load, give_up = _instruction(_LOAD, 0, 0, _NUMBER_OFFSET), _instruction(_RETURN, 0, 0, _RETURN_ENOSYS)
    too_new = _instruction(_GREATER, 0, 1, last)
    if architecture in _AUDIT_ARCH_S390:
        return [load, _instruction(_EQUAL, 1, 0, _SETUP), too_new, give_up]
    if architecture != AUDIT_ARCH_X86_64:
        return [load, too_new, give_up]
    # The two modes of x86-64 are one architecture to the kernel, told apart by a bit of the number.
    if last_x32 is None:
        return [load, _instruction(_GREATER_EQUAL, 2, 0, _X32_SYSCALL_BIT), too_new, give_up]
    return [
        load,
        _instruction(_GREATER_EQUAL, 1, 0, _X32_SYSCALL_BIT),
        _instruction(_GREATER, 1, 2, last),
        _instruction(_GREATER, 0, 1, last_x32),
        give_up,
    ]


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    """A struct sock_filter, in the byte order of this machine."""
    return pack("=HBBI", code, if_true, if_false, value)
