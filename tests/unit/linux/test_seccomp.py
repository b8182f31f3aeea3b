"""Filters compiled by the installed libseccomp, run by a small interpreter, and one by the kernel."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import InvalidArgument, Unavailable
from orlop.linux import seccomp
from orlop.linux.seccomp import compile_filter, filter_flags, library_version

from .classic_bpf import ARCHITECTURE_I386, RETURN_ALLOW, RETURN_ERRNO, RETURN_KILL_THREAD, run_filter

_READ, _WRITE, _SOCKET, _CLONE, _PERSONALITY = 0, 1, 41, 56, 135  # x86-64
_ENOSYS = RETURN_ERRNO | 38
_NEWEST = 9999

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="system call numbers are those of x86-64")


def _section(*rules: dict[str, Any], default: str = "SCMP_ACT_ALLOW", **others: Any) -> dict[str, Any]:
    return {"defaultAction": default, "syscalls": list(rules), **others}


def _rule(name: str, action: str = "SCMP_ACT_ERRNO", **others: Any) -> dict[str, Any]:
    return {"names": [name], "action": action, **others}


@pytest.mark.parametrize(
    ("action", "result"),
    [
        ({"action": "SCMP_ACT_KILL"}, RETURN_KILL_THREAD),
        ({"action": "SCMP_ACT_KILL_THREAD"}, RETURN_KILL_THREAD),
        ({"action": "SCMP_ACT_KILL_PROCESS"}, 0x80000000),
        ({"action": "SCMP_ACT_TRAP"}, 0x00030000),
        ({"action": "SCMP_ACT_ERRNO"}, RETURN_ERRNO | 1),
        ({"action": "SCMP_ACT_ERRNO", "errnoRet": 0}, RETURN_ERRNO),
        ({"action": "SCMP_ACT_ERRNO", "errnoRet": 38}, RETURN_ERRNO | 38),
        ({"action": "SCMP_ACT_TRACE"}, 0x7FF00000 | 1),
        ({"action": "SCMP_ACT_TRACE", "errnoRet": 7}, 0x7FF00000 | 7),
        ({"action": "SCMP_ACT_LOG"}, 0x7FFC0000),
    ],
)
def test_every_action(action: dict[str, Any], result: int) -> None:
    program = compile_filter(_section({"names": ["read"], **action}))
    assert run_filter(program, _READ) == result
    assert run_filter(program, _WRITE) == RETURN_ALLOW


def test_the_default_action_and_its_errno() -> None:
    program = compile_filter(_section(_rule("socket", "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO", defaultErrnoRet=13))
    assert run_filter(program, _SOCKET) == RETURN_ALLOW
    assert run_filter(program, _READ) == RETURN_ERRNO | 13


def test_a_rule_that_says_what_the_default_says_changes_nothing() -> None:
    program = compile_filter(_section(_rule("read"), _rule("write", "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO"))
    assert program == compile_filter(_section(_rule("write", "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO"))
    assert run_filter(program, _READ) == RETURN_ERRNO | 1
    assert run_filter(program, _WRITE) == RETURN_ALLOW


@pytest.mark.parametrize(
    ("operator", "value", "matching", "other"),
    [
        ("SCMP_CMP_NE", 5, 6, 5),
        ("SCMP_CMP_LT", 5, 4, 5),
        ("SCMP_CMP_LE", 5, 5, 6),
        ("SCMP_CMP_EQ", 5, 5, 4),
        ("SCMP_CMP_GE", 5, 5, 4),
        ("SCMP_CMP_GT", 5, 6, 5),
        ("SCMP_CMP_EQ", 1 << 40 | 5, 1 << 40 | 5, 5),
        ("SCMP_CMP_EQ", (1 << 64) - 1, (1 << 64) - 1, (1 << 32) - 1),
    ],
)
def test_every_operator(operator: str, value: int, matching: int, other: int) -> None:
    argument = {"index": 2, "value": value, "valueTwo": 99, "op": operator}
    program = compile_filter(_section(_rule("personality", args=[argument])))
    assert run_filter(program, _PERSONALITY, 0, 0, matching) == RETURN_ERRNO | 1
    assert run_filter(program, _PERSONALITY, 0, 0, other) == RETURN_ALLOW


def test_a_masked_comparison() -> None:
    argument = {"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rule = _rule("clone", "SCMP_ACT_ALLOW", args=[argument])
    program = compile_filter(_section(rule, default="SCMP_ACT_KILL"))
    assert run_filter(program, _CLONE, 17) == RETURN_ALLOW
    assert run_filter(program, _CLONE, 17 | 0x10000000) == RETURN_KILL_THREAD


def test_comparisons_of_two_arguments_must_both_hold() -> None:
    arguments = [{"index": index, "value": 5, "op": "SCMP_CMP_EQ"} for index in (0, 1)]
    program = compile_filter(_section(_rule("socket", args=arguments)))
    assert [run_filter(program, _SOCKET, *pair) for pair in ((5, 5), (5, 6), (6, 5))] == [
        RETURN_ERRNO | 1,
        RETURN_ALLOW,
        RETURN_ALLOW,
    ]


def test_comparisons_of_one_argument_are_alternatives_as_in_runc() -> None:
    arguments = [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"} for value in (5, 7)]
    program = compile_filter(_section(_rule("socket", args=arguments)))
    assert [run_filter(program, _SOCKET, value) for value in (5, 6, 7)] == [
        RETURN_ERRNO | 1,
        RETURN_ALLOW,
        RETURN_ERRNO | 1,
    ]


def test_an_unknown_system_call_is_left_out() -> None:
    rule = {"names": ["no_such_call", "read"], "action": "SCMP_ACT_ERRNO"}
    assert compile_filter(_section(rule)) == compile_filter(_section(_rule("read")))


def test_an_architecture_that_is_not_listed_is_killed_and_a_listed_one_filtered() -> None:
    i386_read = 3
    alone = compile_filter(_section(_rule("read")))
    assert run_filter(alone, i386_read, architecture=ARCHITECTURE_I386) == RETURN_KILL_THREAD
    names = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86"]
    both = compile_filter(_section(_rule("read"), architectures=names))
    assert run_filter(both, i386_read, architecture=ARCHITECTURE_I386) == RETURN_ERRNO | 1
    assert run_filter(both, i386_read + 1, architecture=ARCHITECTURE_I386) == RETURN_ALLOW


def test_an_architecture_of_the_other_byte_order_cannot_be_combined() -> None:
    with pytest.raises(InvalidArgument) as caught:
        compile_filter(_section(architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_S390X"]))
    assert str(caught.value) == (
        'config.json: linux.seccomp.architectures[1]: libseccomp cannot combine "SCMP_ARCH_S390X" with this machine;'
        " remove it"
    )


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (_section(_rule("write", "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO"), _ENOSYS),
        (_section(_rule("write", "SCMP_ACT_ALLOW"), default="SCMP_ACT_KILL"), _ENOSYS),
        (_section(_rule("write", "SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO", defaultErrnoRet=38), _ENOSYS),
        (_section(_rule("write"), default="SCMP_ACT_ALLOW"), RETURN_ALLOW),
        (_section(_rule("write"), default="SCMP_ACT_LOG"), 0x7FFC0000),
        (_section(_rule("write"), default="SCMP_ACT_TRACE"), 0x7FF00000 | 1),
    ],
)
def test_a_call_newer_than_the_profile_gets_enosys_where_it_would_be_refused(
    section: dict[str, Any], expected: int
) -> None:
    assert run_filter(compile_filter(section), _NEWEST) == expected


def test_a_call_that_the_profile_could_have_named_gets_the_default() -> None:
    rules = [_rule("write", "SCMP_ACT_ALLOW"), _rule("openat2", "SCMP_ACT_ALLOW")]
    assert run_filter(compile_filter(_section(*rules, default="SCMP_ACT_ERRNO")), _SOCKET) == RETURN_ERRNO | 1


def test_many_rules_become_a_tree_that_decides_the_same() -> None:
    names = [
        "read", "write", "open", "close", "stat", "fstat", "lstat", "poll", "lseek", "mmap", "mprotect", "munmap",
        "brk", "ioctl", "pread64", "pwrite64", "readv", "writev", "access", "pipe", "select", "mremap", "msync",
        "mincore", "madvise", "shmget", "shmat", "shmctl", "dup", "dup2", "pause", "nanosleep", "getitimer", "alarm",
    ]  # fmt: skip
    rules = [_rule(name, "SCMP_ACT_ALLOW") for name in names]
    tree = compile_filter(_section(*rules, default="SCMP_ACT_ERRNO"))
    chain = compile_filter(_section({"names": names, "action": "SCMP_ACT_ALLOW"}, default="SCMP_ACT_ERRNO"))
    assert tree != chain
    for number in range(64):
        assert run_filter(tree, number) == run_filter(chain, number)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, 4),
        ({"flags": []}, 0),
        ({"flags": ["SECCOMP_FILTER_FLAG_LOG"]}, 2),
        ({"flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]}, 5),
    ],
)
def test_flags_are_those_named_and_without_the_property_spec_allow(flags: dict[str, Any], expected: int) -> None:
    assert filter_flags(flags) == expected


def test_a_filter_longer_than_the_kernel_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    program = compile_filter(_section(_rule("read")))
    count = len(program) // 8
    monkeypatch.setattr(seccomp, "_INSTRUCTIONS_MAX", count - 1)
    with pytest.raises(InvalidArgument) as caught:
        compile_filter(_section(_rule("read")))
    assert str(caught.value) == (
        f"config.json: linux.seccomp: the filter has {count} instructions, the kernel takes {count - 1}; simplify it"
    )


def test_the_library_tells_its_version() -> None:
    assert [part.isdigit() for part in library_version().split(".")] == [True] * 3


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(Unavailable) as caught:
        compile_filter(_section())
    assert str(caught.value) == (
        "linux.seccomp needs libseccomp, which this host lacks; install libseccomp2, or drop linux.seccomp"
    )


_UNDER_THE_FILTER = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from orlop.linux.seccomp import compile_filter
rules = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 42}]
program = compile_filter({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})
buffer = ctypes.create_string_buffer(program)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(program) // 8, ctypes.addressof(buffer)))) == 0
try:
    os.mkdir("/nowhere/x")
except OSError as error:
    print(error.errno)
"""


def test_the_kernel_takes_the_program() -> None:
    source = str(Path(seccomp.__file__).parents[2])
    command = [sys.executable, "-I", "-c", _UNDER_THE_FILTER, source]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "42\n"
