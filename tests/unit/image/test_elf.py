"""What ELF files say, of every class and byte order, and of files that are damaged."""

from __future__ import annotations

import os
import random
import sys
from typing import TYPE_CHECKING

import pytest

from orlop.image.elf import Elf, read_elf

from .elf_file import elf_bytes

if TYPE_CHECKING:
    from pathlib import Path


def _read(path: Path, data: bytes) -> Elf | None:
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read_elf(descriptor)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("is_64", [True, False])
@pytest.mark.parametrize("is_little", [True, False])
def test_every_class_and_byte_order_is_read(tmp_path: Path, is_64: bool, is_little: bool) -> None:
    data = elf_bytes(
        needed=["libc.so.6", "libm.so.6"],
        rpath="/opt/lib:$ORIGIN",
        runpath="/opt/other",
        interpreter="/lib64/ld.so",
        machine=40,
        is_64=is_64,
        is_little=is_little,
    )
    assert _read(tmp_path / "elf", data) == Elf(
        abi=(2 if is_64 else 1, 1 if is_little else 2, 40),
        interpreter="/lib64/ld.so",
        needed=("libc.so.6", "libm.so.6"),
        rpath=("/opt/lib", "$ORIGIN"),
        runpath=("/opt/other",),
    )


def test_a_static_program_needs_nothing(tmp_path: Path) -> None:
    found = _read(tmp_path / "elf", elf_bytes())
    assert found is not None
    assert (found.interpreter, found.needed, found.rpath, found.runpath) == ("", (), (), ())


def test_a_real_program_is_read() -> None:
    descriptor = os.open(sys.executable, os.O_RDONLY)
    try:
        found = read_elf(descriptor)
    finally:
        os.close(descriptor)
    assert found is not None
    assert any(name.startswith("libc.") for name in found.needed)


@pytest.mark.parametrize(
    "data", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF" + bytes(60), b"\x7fELF\x02\x01" + b"\xff" * 99]
)
def test_what_is_no_elf_file_is_none(tmp_path: Path, data: bytes) -> None:
    assert _read(tmp_path / "elf", data) is None


def test_damage_is_no_crash(tmp_path: Path) -> None:
    chance = random.Random(8)  # noqa: S311 - damage, no secret
    whole = elf_bytes(needed=["liba.so", "libb.so"], rpath="/r", interpreter="/lib/ld.so")
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        found = _read(tmp_path / "elf", bytes(data[: chance.randrange(1, len(data) + 1)]))
        assert found is None or isinstance(found, Elf)
