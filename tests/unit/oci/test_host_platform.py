"""The platform of a host, from texts as kernels of several machines give them."""

from __future__ import annotations

import pytest

from orlop.oci.host_platform import host_platform

_V2 = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"
_V3 = f"{_V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
_V4 = f"{_V3} avx512f avx512bw avx512cd avx512dq avx512vl"


def _cpuinfo(**fields: str) -> str:
    return "".join(f"{key.replace('_', ' ')}\t: {value}\n" for key, value in fields.items()) + "\n"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse2", "linux/amd64"),
        (_V2, "linux/amd64/v2"),
        (_V3, "linux/amd64/v3"),
        (_V4, "linux/amd64/v4"),
        (_V4.replace("sse4_1", ""), "linux/amd64"),  # a level needs those before it
    ],
)
def test_the_levels_of_x86_64(flags: str, expected: str) -> None:
    assert str(host_platform("x86_64", "processor\t: 0\n" + _cpuinfo(flags=flags))) == expected


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "expected"),
    [
        ("aarch64", _cpuinfo(CPU_architecture="8"), "linux/arm64"),
        ("armv7l", _cpuinfo(CPU_architecture="7"), "linux/arm/v7"),
        ("armv6l", _cpuinfo(model_name="ARMv6-compatible processor rev 7", CPU_architecture="7"), "linux/arm/v6"),
        ("armv8l", _cpuinfo(CPU_architecture="8"), "linux/arm/v8"),
        ("armv5tejl", _cpuinfo(CPU_architecture="5TEJ"), "linux/arm/v5"),
        ("armv6l", "", "linux/arm/v6"),
        ("armv7l", _cpuinfo(CPU_architecture="?(12)"), "linux/arm/v7"),
        ("armv8l", _cpuinfo(CPU_architecture="AArch64"), "linux/arm/v8"),
        ("i686", "", "linux/386"),
        ("x86_64", "", "linux/amd64"),
        ("s390x", "", "linux/s390x"),
        ("ppc64le", "", "linux/ppc64le"),
        ("riscv64", "", "linux/riscv64"),
        ("loongarch64", "", "linux/loong64"),
    ],
)
def test_machines(machine: str, cpuinfo: str, expected: str) -> None:
    assert str(host_platform(machine, cpuinfo)) == expected
