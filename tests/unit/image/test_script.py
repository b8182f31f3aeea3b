"""The interpreters of scripts."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from orlop.errors import NotFound
from orlop.image.script import CONTAINER_PATH, interpreters_of

if TYPE_CHECKING:
    from pathlib import Path


def _interpreters(path: Path, first_line: bytes) -> list[str]:
    path.write_bytes(first_line + b"\necho\n")
    return interpreters_of(str(path))


@pytest.mark.parametrize(
    ("line", "programs"),
    [
        (b"#!/bin/sh", ["/bin/sh"]),
        (b"#! /bin/sh -e", ["/bin/sh"]),
        (b"#!\t/bin/sh", ["/bin/sh"]),
        (b"#!/usr/bin/env", ["/usr/bin/env"]),
        (b"#!/usr/bin/env sh", ["/usr/bin/env", "SH"]),
        (b"#!/usr/bin/env -S A=1 sh -e", ["/usr/bin/env", "SH"]),
        (b"#!/usr/bin/env /bin/sh", ["/usr/bin/env", "/bin/sh"]),
        (b"#!sh", []),
        (b"#!", []),
        (b"echo", []),
        (b"\x7fELF", []),
        (b"", []),
    ],
)
def test_a_script_names_its_interpreter(tmp_path: Path, line: bytes, programs: list[str]) -> None:
    shell = shutil.which("sh", path=CONTAINER_PATH)
    assert _interpreters(tmp_path / "script", line) == [shell if one == "SH" else one for one in programs]


@pytest.mark.parametrize("line", [b"#!/no/such/sh", b"#!/usr/bin/env no-such-program"])
def test_a_missing_interpreter_is_named(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(NotFound, match=f"{tmp_path}/script: its interpreter .*no-?/?such.* is not on this host"):
        _interpreters(tmp_path / "script", line)


def test_what_cannot_be_read_is_no_script(tmp_path: Path) -> None:
    assert interpreters_of(str(tmp_path)) == []
    assert interpreters_of(str(tmp_path / "none")) == []
