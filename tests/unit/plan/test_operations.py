"""The numbers on the wire."""

from __future__ import annotations

import struct

from orlop.plan import operations


def test_an_operation_is_forty_bytes() -> None:
    assert struct.calcsize(operations.ENCODING) == operations.OPERATION_SIZE == 40


def test_no_number_is_used_twice() -> None:
    assert len(set(operations.CODE.values())) == len(operations.CODE)


def test_flags_are_single_bits_of_their_own() -> None:
    names = ("IGNORE_EEXIST", "IGNORE_ENOENT", "IGNORE_EACCES", "BEST_EFFORT", "NO_SYMLINKS", "EXCLUSIVE")
    bits = [getattr(operations, name) for name in names]
    assert sum(bits) == (1 << len(bits)) - 1


def test_template_bytes_cannot_stand_in_json() -> None:
    assert all(one[0] < 0x20 for one in (operations.TEMPLATE_PID, operations.TEMPLATE_START_TIME))
