"""The suite, built from Go's module proxy into a cache outside of the repository, and reused while it is current."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

GO_MINIMUM = (1, 24)
MODULE = "github.com/opencontainers/runtime-tools"
PINS = Path(__file__).with_name("go.mod")
_PACKAGES = (f"{MODULE}/validation/...", f"{MODULE}/cmd/runtimetest")
_ROOTFS = "rootfs-amd64.tar.gz"
_BUILD_S = 900


class BuildError(Exception):
    """The suite cannot be built here; the message says why and what to do."""


@dataclass(frozen=True)
class Suite:
    """A built suite. `directory` is what its programs expect as their working directory."""

    version: str
    directory: Path
    programs: tuple[Path, ...]


def go_version(text: str) -> tuple[int, int] | None:
    """Major and minor of what `go version` prints, or None."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def pinned(module: str, pins: str) -> str:
    """The version of a module in a go.mod."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (\S+)", pins, re.MULTILINE)
    if found is None:
        raise BuildError(f"{PINS.name}: no version of {module}")
    return found[1]


def cache_directory() -> Path:
    """Where built suites are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "orlop-conformance"


def built_suite() -> Suite:
    """The suite, from the cache or built now (about a minute).

    Raises:
        BuildError: there is no Go of that version, or the build failed.
    """
    go = _find_go()
    pins = PINS.read_text(encoding="utf-8")
    version = _output(go, "version").strip()
    key = hashlib.sha256(f"{version}\n{pins}".encode()).hexdigest()[:16]
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    directory = cache / key
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            _build(go, pins, directory)
    programs = tuple(sorted((directory / "programs").iterdir()))
    return Suite(pinned(MODULE, pins), directory / "work", programs)


def _find_go() -> str:
    go = shutil.which("go")
    wanted = ".".join(map(str, GO_MINIMUM))
    if go is None:
        raise BuildError(f"the suite is built with Go {wanted} or newer, and there is no `go` on PATH; install it")
    found = go_version(_output(go, "version"))
    if found is None or found < GO_MINIMUM:
        raise BuildError(f"the suite is built with Go {wanted} or newer; `{go} version` says {_output(go, 'version')}")
    return go


def _build(go: str, pins: str, directory: Path) -> None:
    """Build all programs; `directory` appears whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=directory.parent) as scratch_name:
        scratch = Path(scratch_name)
        module, made = scratch / "module", scratch / "made"
        (made / "programs").mkdir(parents=True)
        (made / "work").mkdir()
        module.mkdir()
        (module / "go.mod").write_text(pins, encoding="utf-8")
        # Static, so that runtimetest runs in any rootfs; without symbols, which would make 60 programs of it 400 MB.
        command = ("build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", f"{made}/programs/")
        _run(go, *command, *_PACKAGES, cwd=module)
        source = json.loads(_run(go, "list", "-mod=mod", "-m", "-json", MODULE, cwd=module))
        shutil.copy(Path(source["Dir"]) / _ROOTFS, made / "work" / _ROOTFS)
        (made / "programs" / "runtimetest").rename(made / "work" / "runtimetest")
        made.rename(directory)


def _run(go: str, *arguments: str, cwd: Path) -> str:
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GO111MODULE": "on", "GOWORK": "off"}
    done = subprocess.run(
        [go, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=_BUILD_S
    )
    if done.returncode != 0:
        raise BuildError(f"go {arguments[0]} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
