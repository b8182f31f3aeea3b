"""Builds `orun` while a wheel is made: csrc/ compiled by the zig of PyPI's `ziglang`, static against musl.

A machine that installs Orlop from source needs no compiler and no make. What is compiled and with which flags stands in
csrc/csrc.mk alone; this hook reads those variables, so that `make` and `pip install .` build the same program.
`ORLOP_TARGET` (`x86_64` or `aarch64`) builds for another machine than this one.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_ASSIGNMENT = re.compile(r"^(CSRC_\w+)\s*:=\s*((?:[^\n\\]|\\\n)*)$", re.MULTILINE)
_ADD_PREFIX = re.compile(r"\$\(addprefix ([^,()]+),([^()]*)\)")
_REFERENCE = re.compile(r"\$\((\w+)\)")


class OrunBuildHook(BuildHookInterface[Any]):
    """Puts a freshly built `orun` into the wheel's scripts, and names the wheel's platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and add the program to what the wheel holds.

        Raises:
            RuntimeError: an editable install was asked for, this machine is not supported, or the compiler failed.
        """
        if version == "editable":
            raise RuntimeError("orun finds its planner in site-packages, so -e cannot work; use make build")
        machine = target_machine(os.environ.get("ORLOP_TARGET", platform.machine()))
        program = Path(self.root, "build", "wheel", machine, "orun")
        compile_orun(Path(self.root), machine, program)
        build_data["shared_scripts"] = {str(program): "orun"}
        build_data["pure_python"] = False
        # A static program asks nothing of the C library, so one wheel serves glibc and musl systems.
        build_data["tag"] = f"py3-none-manylinux2014_{machine}.musllinux_1_1_{machine}"


def target_machine(name: str) -> str:
    """The machine as zig and wheel tags call it.

    Raises:
        RuntimeError: `orun` is not built for it.
    """
    machine = _MACHINES.get(name.lower().split("-", 1)[0])
    if machine is None:
        raise RuntimeError(f'orun is not built for "{name}"; set ORLOP_TARGET to x86_64 or aarch64')
    return machine


def make_variables(text: str) -> dict[str, list[str]]:
    """The words of each `CSRC_... :=` variable, references and `addprefix` expanded; wildcards stay out."""
    values: dict[str, str] = {}
    for name, raw in _ASSIGNMENT.findall(text):
        value = _REFERENCE.sub(lambda match: values.get(match[1], match[0]), raw.replace("\\\n", " "))
        values[name] = _ADD_PREFIX.sub(lambda match: " ".join(match[1] + word for word in match[2].split()), value)
    return {name: value.split() for name, value in values.items() if "$(" not in value}


def compile_orun(root: Path, machine: str, program: Path) -> None:
    """Compile csrc/ for a machine into `program`.

    Raises:
        RuntimeError: the compiler failed; its messages went to stderr.
    """
    variables = make_variables((root / "csrc" / "csrc.mk").read_text(encoding="utf-8"))
    program.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-musl"]
    command += [*variables["CSRC_FLAGS"], *variables["CSRC_RELEASE"], "-o", str(program), *variables["CSRC_ORUN"]]
    environment = dict(os.environ)
    if "HOME" not in environment and "XDG_CACHE_HOME" not in environment:
        environment.setdefault("ZIG_GLOBAL_CACHE_DIR", str(program.parent / "zig-cache"))
    status = subprocess.run(command, cwd=root, env=environment, check=False).returncode
    if status != 0:
        raise RuntimeError(f"cannot build orun: {' '.join(command)} exited with status {status}")
