"""Seccomp filters, compiled by libseccomp (seccomp(3)) to the BPF program that the executor loads.

The only module that uses ctypes; imported only when a filter is not in the cache.
"""

from __future__ import annotations

import ctypes
import os

from orlop.errors import InvalidArgument, Unavailable
from orlop.linux.seccomp_enosys import enosys_stub

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_OPERATORS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
_FILTER_FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
}
_DEFAULT_FLAGS = ("SECCOMP_FILTER_FLAG_SPEC_ALLOW",)

_ATTRIBUTE_NO_NEW_PRIVILEGES, _ATTRIBUTE_OPTIMIZE = 3, 8  # enum scmp_filter_attr
_BINARY_TREE = 2
_BINARY_TREE_MIN_RULES = 33  # with few rules a chain is as fast; libseccomp 2.5 fails with none
_EPERM, _EEXIST, _EDOM, _ENOSYS = 1, 17, 33, 38
_UNKNOWN_SYSCALL = -1
_INSTRUCTION_BYTES = 8
_INSTRUCTIONS_MAX = 4096  # BPF_MAXINSNS

# What lets calls through by default lets new ones through too; a tracer answers for itself.
_PERMISSIVE_ACTIONS = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint), ("minor", ctypes.c_uint), ("micro", ctypes.c_uint))


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        raise Unavailable(
            "linux.seccomp needs libseccomp, which this host lacks", hint="install libseccomp2, or drop linux.seccomp"
        ) from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_arch_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_arch_native.restype = ctypes.c_uint32
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_version.restype = ctypes.POINTER(_Version)
    return library


def library_version() -> str:
    """The version of libseccomp. Raises Unavailable when it is not installed."""
    version = _load().seccomp_version().contents
    return f"{version.major}.{version.minor}.{version.micro}"


def filter_flags(section: dict[str, Any]) -> int:
    """The flags for seccomp(2) that `linux.seccomp.flags` names; SPEC_ALLOW when the property is absent, as in runc."""
    flags = 0
    for name in section.get("flags", _DEFAULT_FLAGS):
        flags |= _FILTER_FLAGS[name]
    return flags


def compile_filter(section: dict[str, Any]) -> bytes:
    """The BPF program of a valid `linux.seccomp` section.

    System calls that libseccomp does not know are left out, and those newer than all that the section names get ENOSYS
    where the default would refuse them; both as in runc.

    Raises:
        Unavailable: libseccomp is not installed.
        InvalidArgument: libseccomp refuses a rule; the rule is named.
    """
    library = _load()
    rules = section.get("syscalls") or ()
    default = _action(section["defaultAction"], section.get("defaultErrnoRet"))
    context = library.seccomp_init(default)
    if not context:
        raise InvalidArgument("config.json: linux.seccomp.defaultAction: libseccomp refuses it", hint="use another")
    try:
        library.seccomp_attr_set(context, _ATTRIBUTE_NO_NEW_PRIVILEGES, 0)  # ours to set, by process.noNewPrivileges
        if len(rules) >= _BINARY_TREE_MIN_RULES:
            library.seccomp_attr_set(context, _ATTRIBUTE_OPTIMIZE, _BINARY_TREE)
        architectures = _add_architectures(library, context, section.get("architectures") or ())
        for index, rule in enumerate(rules):
            _add_rule(library, context, rule, default, f"config.json: linux.seccomp.syscalls[{index}]")
        program = _export(library, context)
    finally:
        library.seccomp_release(context)
    if section["defaultAction"] not in _PERMISSIVE_ACTIONS and section.get("defaultErrnoRet") != _ENOSYS:
        program = enosys_stub(_last_numbers(library, architectures, rules)) + program
    return _checked(program)


def _checked(program: bytes) -> bytes:
    count = len(program) // _INSTRUCTION_BYTES
    if count > _INSTRUCTIONS_MAX:
        raise InvalidArgument(
            f"config.json: linux.seccomp: the filter has {count} instructions, the kernel takes {_INSTRUCTIONS_MAX}",
            hint="simplify it",
        )
    return program


def _last_numbers(
    library: ctypes.CDLL, architectures: Sequence[int], rules: Sequence[dict[str, Any]]
) -> dict[int, int]:
    """The largest number of a system call that the rules name, for each architecture with any."""
    names = {name.encode() for rule in rules for name in rule["names"]}
    found = {}
    for token in architectures:
        last = max((library.seccomp_syscall_resolve_name_arch(token, name) for name in names), default=_UNKNOWN_SYSCALL)
        if last > 0:
            found[token] = last
    return found


def _action(name: str, errno_ret: int | None) -> int:
    action = _ACTIONS[name]
    if name in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        action |= _EPERM if errno_ret is None else errno_ret
    return action


def _add_architectures(library: ctypes.CDLL, context: int, names: Sequence[str]) -> list[int]:
    """Add them to the native one, which is always there; the tokens of all."""
    tokens = [library.seccomp_arch_native()]
    for index, name in enumerate(names):
        token = library.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
        if token == 0 or token in tokens:
            continue  # one that this libseccomp does not know cannot be executed here either
        result = library.seccomp_arch_add(context, token)
        if result not in (0, -_EEXIST):
            raise InvalidArgument(
                f'config.json: linux.seccomp.architectures[{index}]: libseccomp cannot combine "{name}" with this'
                " machine",
                hint="remove it",
            )
        tokens.append(token)
    return tokens


def _add_rule(library: ctypes.CDLL, context: int, rule: dict[str, Any], default: int, path: str) -> None:
    action = _action(rule["action"], rule.get("errnoRet"))
    if action == default:
        return  # it changes nothing, and libseccomp refuses it
    comparisons = [
        _Comparison(one["index"], _OPERATORS[one["op"]], one["value"], one.get("valueTwo", 0))
        for one in rule.get("args") or ()
    ]
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number == _UNKNOWN_SYSCALL:
            continue
        for group in _groups(comparisons):
            values = (_Comparison * len(group))(*group)
            result = library.seccomp_rule_add_array(context, action, number, len(group), values)
            if result not in (0, -_EEXIST, -_EDOM):
                raise InvalidArgument(
                    f'{path}: libseccomp refuses the rule for "{name}": {os.strerror(-result)}', hint="correct its args"
                )


def _groups(comparisons: list[_Comparison]) -> list[list[_Comparison]]:
    """Several comparisons of one argument are alternatives, as runc takes them: a rule each; else all in one rule."""
    arguments = [one.arg for one in comparisons]
    if len(set(arguments)) == len(arguments):
        return [comparisons]
    return [[one] for one in comparisons]


def _export(library: ctypes.CDLL, context: int) -> bytes:
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    try:
        result = library.seccomp_export_bpf(context, fd)
        if result < 0:
            raise InvalidArgument(f"config.json: linux.seccomp: libseccomp: {os.strerror(-result)}", hint="simplify it")
        size = os.lseek(fd, 0, os.SEEK_CUR)
        return os.pread(fd, size, 0)
    finally:
        os.close(fd)
