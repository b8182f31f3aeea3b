"""Capabilities by name and number."""

from __future__ import annotations

from pathlib import Path

from orlop.linux.capabilities import CAPABILITY_BITS, read_capability_mask


def test_every_name_has_a_bit_of_its_own() -> None:
    assert sorted(CAPABILITY_BITS.values()) == [1 << number for number in range(41)]
    assert (CAPABILITY_BITS["CAP_CHOWN"], CAPABILITY_BITS["CAP_SYS_ADMIN"]) == (1, 1 << 21)
    assert CAPABILITY_BITS["CAP_CHECKPOINT_RESTORE"] == 1 << 40


def test_the_kernel_s_capabilities_are_all_up_to_its_last_one() -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    assert read_capability_mask() == sum(1 << number for number in range(last + 1))
