"""`pip install .` puts `orun` into a venv, and it runs from there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from .source_tree import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

_ORUN_SIZE_MAX_BYTES = 1 << 20


def _run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _wheel(directory: Path, **environment: str) -> Path:
    """A wheel of this tree; without isolation, so that the tools of .venv serve."""
    arguments = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory), "."]
    _run(sys.executable, "-m", "pip", "wheel", *arguments, **environment)
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel for this machine."""
    return _wheel(tmp_path_factory.mktemp("wheel"))


def test_orun_finds_its_planner_in_the_venv_it_was_installed_into(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "a venv"  # a path that wants quoting
    _run(sys.executable, "-m", "venv", venv)
    _run(venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
    orun = venv / "bin" / "orun"
    assert _run(orun, "--version", PATH="/nonexistent").startswith("orun version ")
    (tmp_path / "bundle").mkdir()
    _run(orun, "spec", "--bundle", tmp_path / "bundle")
    assert "ociVersion" in json.loads((tmp_path / "bundle" / "config.json").read_text("utf-8"))


def test_a_wheel_names_its_platform_and_holds_a_small_static_orun(wheel: Path) -> None:
    machine = os.uname().machine
    assert wheel.name.endswith(f"-py3-none-manylinux2014_{machine}.musllinux_1_1_{machine}.whl")
    with zipfile.ZipFile(wheel) as archive:
        (script,) = (name for name in archive.namelist() if name.endswith(".data/scripts/orun"))
        program = archive.read(script)
    assert program[:4] == b"\x7fELF"
    assert len(program) <= _ORUN_SIZE_MAX_BYTES
    assert b"/ld-" not in program, "orun asks for a dynamic loader"


def test_another_machine_can_be_built_for(tmp_path: Path) -> None:
    other, number = ("aarch64", 183) if os.uname().machine == "x86_64" else ("x86_64", 62)  # e_machine, elf(5)
    wheel = _wheel(tmp_path, ORLOP_TARGET=other)
    assert other in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        (script,) = (name for name in archive.namelist() if name.endswith(".data/scripts/orun"))
        program = archive.read(script)
    assert int.from_bytes(program[18:20], "little") == number


def test_an_editable_install_is_refused_with_the_way_out(tmp_path: Path) -> None:
    arguments = ["--no-deps", "--no-build-isolation", "--target", str(tmp_path), "--editable", "."]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode != 0
    assert "use make build" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["CSRC_ORUN", "CSRC_FLAGS", "CSRC_RELEASE"])
def test_the_build_hook_reads_csrc_mk_as_make_does(name: str) -> None:
    specification = importlib.util.spec_from_file_location("hatch_build", REPOSITORY / "hatch_build.py")
    assert specification is not None
    assert specification.loader is not None
    hook = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(hook)
    by_make = _run("make", "-f", "csrc/csrc.mk", "--eval", f"show: ; @echo '$({name})'", "show").split()
    text = (REPOSITORY / "csrc" / "csrc.mk").read_text(encoding="utf-8")
    assert hook.make_variables(text)[name] == by_make
