"""What a confined Python needs, read from the one that runs; a program with just these files is the proof."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import isal
import pytest
import zstandard

import orlop
from orlop.archive import python_files as unit
from orlop.archive.python_files import python_files
from orlop.errors import FailedPrecondition


def test_interpreter_and_library_stand_where_they_stand_here() -> None:
    found = python_files([orlop])
    assert found.executable == os.path.realpath(sys.executable)
    assert (found.executable, found.executable) in found.binds
    library = str(Path(os.__file__).resolve().parent)
    assert (library, library) in found.binds


def test_packages_are_in_one_directory() -> None:
    binds = {target: source for source, target in python_files([orlop, isal, zstandard]).binds}
    for package in (orlop, isal, zstandard):
        assert package.__file__ is not None
        assert binds[f"/modules/{package.__name__}"] == str(Path(package.__file__).resolve().parent)


def test_libraries_have_the_names_that_programs_look_up() -> None:
    found = python_files([orlop])
    names = {Path(target).name for _, target in found.binds if target.startswith("/libraries/")}
    listed = subprocess.run(["ldd", found.executable], check=True, capture_output=True, text=True).stdout
    wanted = {line.split()[0] for line in listed.splitlines() if "=> /" in line}
    assert wanted
    assert wanted <= names
    assert all(Path(source).is_file() for source, target in found.binds if target.startswith("/libraries/"))


def test_the_loader_stands_where_the_executable_says() -> None:
    found = python_files([orlop])
    listed = subprocess.run(["ldd", found.executable], check=True, capture_output=True, text=True).stdout
    loader = next(line.split()[0] for line in listed.splitlines() if "/ld-" in line)
    assert (os.path.realpath(loader), loader) in found.binds


def test_modules_of_other_packages_are_no_libraries() -> None:
    names = [Path(target).name for _, target in python_files([orlop]).binds]
    assert not [name for name in names if ".cpython-" in name]


def test_what_is_no_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\n")
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(FailedPrecondition, match=r"python is no program for 64 bits$"):
        python_files([orlop])
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(FailedPrecondition, match="does not know its Python interpreter"):
        python_files([orlop])


def test_a_library_that_was_replaced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = tmp_path / "maps"
    maps.write_text("7f0-7f1 r-xp 00000000 fe:00 1    /usr/lib/libz.so.1.2 (deleted)\n")
    monkeypatch.setattr(unit, "_MAPS", maps)
    with pytest.raises(FailedPrecondition, match=r"/usr/lib/libz.so.1.2 was replaced .*; start this process again"):
        python_files([orlop])
