"""Capability masks."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.errors import InvalidArgument
from orlop.linux.capabilities import CAPABILITY_BITS, mask_of, read_capability_mask


def test_a_mask_has_a_bit_for_each_name() -> None:
    assert mask_of([]) == 0
    assert mask_of(["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHOWN"]) == 1 | 1 << 21
    assert mask_of(["CAP_CHECKPOINT_RESTORE"]) == 1 << 40


def test_every_name_has_a_bit_of_its_own() -> None:
    assert mask_of(CAPABILITY_BITS) == (1 << 41) - 1


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(
        InvalidArgument, match=r'^"KILL" is no capability; see capabilities\(7\); names begin with CAP_$'
    ):
        mask_of(["CAP_CHOWN", "KILL"])


def test_the_kernel_s_capabilities_are_all_up_to_its_last_one() -> None:
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    assert read_capability_mask() == sum(1 << number for number in range(last + 1))
