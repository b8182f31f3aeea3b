"""The stub that answers ENOSYS to system calls newer than the profile."""

from __future__ import annotations

import struct
import sys

import pytest

from orlop.linux.seccomp_enosys import AUDIT_ARCH_X86_64, SCMP_ARCH_X32, enosys_stub

from .classic_bpf import ARCHITECTURE_I386, run_filter

_FILTER = struct.pack("=HBBI", 0x06, 0, 0, 0x1234)  # what stands for the filter proper: return 0x1234
_TO_FILTER, _ENOSYS = 0x1234, 0x00050000 | 38
_X32 = 0x40000000
_ARM64, _S390, _S390X = 0xC00000B7, 0x16, 0x80000016

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the interpreter reads little-endian programs")


@pytest.mark.parametrize(
    ("last", "architecture", "number", "expected"),
    [
        ({AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, 0, _TO_FILTER),
        ({AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, 400, _TO_FILTER),
        ({AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, 401, _ENOSYS),
        ({AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, _X32 - 1, _ENOSYS),
        ({AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, _X32, _TO_FILTER),
        ({AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, _X32 + 401, _TO_FILTER),
        ({AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, -1, _TO_FILTER),
        ({AUDIT_ARCH_X86_64: 400}, ARCHITECTURE_I386, 401, _TO_FILTER),
        ({AUDIT_ARCH_X86_64: 400, SCMP_ARCH_X32: _X32 + 500}, AUDIT_ARCH_X86_64, 401, _ENOSYS),
        ({AUDIT_ARCH_X86_64: 400, SCMP_ARCH_X32: _X32 + 500}, AUDIT_ARCH_X86_64, 400, _TO_FILTER),
        ({AUDIT_ARCH_X86_64: 400, SCMP_ARCH_X32: _X32 + 500}, AUDIT_ARCH_X86_64, _X32 + 500, _TO_FILTER),
        ({AUDIT_ARCH_X86_64: 400, SCMP_ARCH_X32: _X32 + 500}, AUDIT_ARCH_X86_64, _X32 + 501, _ENOSYS),
        ({SCMP_ARCH_X32: _X32 + 500}, AUDIT_ARCH_X86_64, _X32 + 501, _TO_FILTER),
        ({ARCHITECTURE_I386: 300, AUDIT_ARCH_X86_64: 400}, ARCHITECTURE_I386, 301, _ENOSYS),
        ({ARCHITECTURE_I386: 300, AUDIT_ARCH_X86_64: 400}, ARCHITECTURE_I386, 300, _TO_FILTER),
        ({ARCHITECTURE_I386: 300, AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, 301, _TO_FILTER),
        ({ARCHITECTURE_I386: 300, AUDIT_ARCH_X86_64: 400}, AUDIT_ARCH_X86_64, 401, _ENOSYS),
        ({ARCHITECTURE_I386: 300, AUDIT_ARCH_X86_64: 400}, _ARM64, 9999, _TO_FILTER),
        ({_ARM64: 5}, _ARM64, 6, _ENOSYS),
        ({_S390: 300}, _S390, 0, _ENOSYS),
        ({_S390X: 300}, _S390X, 0, _ENOSYS),
        ({_S390X: 300}, _S390X, 1, _TO_FILTER),
        ({_S390X: 300}, _S390X, 301, _ENOSYS),
        ({}, AUDIT_ARCH_X86_64, 9999, _TO_FILTER),
    ],
)
def test_a_number_above_the_last_of_its_architecture_gets_enosys(
    last: dict[int, int], architecture: int, number: int, expected: int
) -> None:
    assert run_filter(enosys_stub(last) + _FILTER, number, architecture=architecture) == expected


def test_architectures_are_those_of_the_kernel_and_of_libseccomp() -> None:
    assert (AUDIT_ARCH_X86_64, SCMP_ARCH_X32) == (0xC000003E, 0x4000003E)
