"""The platform of a host, from what its kernel says: uname's machine and /proc/cpuinfo, as texts."""

from __future__ import annotations

from .platform import Platform

# x86-64's levels by the flags of /proc/cpuinfo (System V ABI, AMD64, "Micro-Architecture Levels"). `abm` is lzcnt,
# `pni` is SSE3. A level has the flags of those before it.
_AMD64_LEVELS = (
    ("v2", frozenset({"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"})),
    ("v3", frozenset({"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"})),
    ("v4", frozenset({"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"})),
)
_MACHINES = {"i486": "386", "i586": "386", "i686": "386", "loongarch64": "loong64"}


def host_platform(machine: str, cpuinfo: str) -> Platform:
    """The platform of a Linux host: `machine` as uname(2) calls it, `cpuinfo` the text of /proc/cpuinfo."""
    machine = machine.lower()
    architecture = "arm" if machine.startswith("arm") and machine != "arm64" else _MACHINES.get(machine, machine)
    platform = Platform(os="linux", architecture=architecture).normalized()
    if platform.architecture == "amd64":
        variant = _amd64_level(cpuinfo)
    elif platform.architecture == "arm":
        variant = _arm_version(machine, cpuinfo)
    else:
        return platform
    return Platform(os="linux", architecture=platform.architecture, variant=variant).normalized()


def _amd64_level(cpuinfo: str) -> str:
    flags = frozenset(_field(cpuinfo, "flags").split())
    level = "v1"
    for name, needed in _AMD64_LEVELS:
        if not needed <= flags:
            break
        level = name
    return level


def _arm_version(machine: str, cpuinfo: str) -> str:
    """`v5` to `v8`. A Raspberry Pi of the first kind says 7 and has an ARMv6."""
    text = _field(cpuinfo, "CPU architecture") or machine.removeprefix("armv")
    version = "8" if text.lower().startswith("aarch64") else text[:1]
    if version == "7" and _field(cpuinfo, "model name").lower().startswith("armv6-compatible"):
        version = "6"
    return f"v{version}" if version in ("5", "6", "7", "8") else "v7"


def _field(cpuinfo: str, name: str) -> str:
    """The first processor's value of a field, "" when there is none."""
    for line in cpuinfo.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() == name.lower():
            return value.strip()
    return ""
