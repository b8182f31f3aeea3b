"""The container of the benchmark: a full default configuration on a root file system of static busybox."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from runtimes import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


def make_bundle(directory: Path, specification_from: str, arguments: list[str]) -> Path:
    """A bundle that runs `arguments` with the configuration that a runtime's `spec` writes; no terminal."""
    binaries = directory / "rootfs" / "bin"
    binaries.mkdir(parents=True)
    for name in ("proc", "sys", "dev", "etc", "tmp"):
        (directory / "rootfs" / name).mkdir()
    busybox = shutil.which("busybox")
    if busybox is None:
        raise SystemExit("startup.py: no busybox; install busybox-static")
    shutil.copy(busybox, binaries / "busybox")
    for name in ("true", "sleep", "sh"):
        (binaries / name).symlink_to("busybox")
    subprocess.run([specification_from, "spec"], cwd=directory, check=True, timeout=60)
    path = directory / "config.json"
    configuration = json.loads(path.read_text(encoding="utf-8"))
    configuration["ociVersion"] = "1.0.2"  # crun 1.8 refuses what it does not know yet
    configuration["process"]["args"] = arguments
    configuration["process"]["terminal"] = False
    path.write_text(json.dumps(configuration), encoding="utf-8")
    return directory


def limit_memory(bundle: Path, limit_bytes: int) -> None:
    """Give a bundle's container this memory limit."""
    path = bundle / "config.json"
    configuration = json.loads(path.read_text(encoding="utf-8"))
    configuration["linux"].setdefault("resources", {})["memory"] = {"limit": limit_bytes}
    path.write_text(json.dumps(configuration), encoding="utf-8")


def make_plan(bundle: Path, output: Path, name: str) -> str | None:
    """Have a bundle's plan written to a file; why it could not, or None."""
    command = [sys.executable, "-m", "orlop.runtime.bench_plan", "--bundle", str(bundle), "--name", name]
    command += ["--output", str(output)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]
