"""The cold planner starts once per container, so its imports are a budget (docs/performance.md has the times)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .cold_planner import modules_after

if TYPE_CHECKING:
    from pathlib import Path

# Each costs more than half a millisecond, or drags in one that does; most enter through `import json` or a dataclass.
FORBIDDEN = {
    "argparse",
    "asyncio",
    "collections",
    "contextlib",
    "ctypes",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "re",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "traceback",
    "typing",
}

# posix has what starting a container needs, without the rest of os.
FORBIDDEN_WHEN_STARTING = FORBIDDEN | {"os"}

# Words and rules that only the verbs for people load.
FOR_PEOPLE = "orlop.insight."

# How many modules a verb loads beyond those of an interpreter that does nothing.
BUDGET_TO_START_A_CONTAINER = 60
BUDGET_OTHERWISE = 56

# Answers of these verbs need libseccomp, which is asked through ctypes.
NEEDS_CTYPES = {"--version", "features"}


def _of_an_idle_interpreter() -> set[str]:
    command = [sys.executable, "-I", "-S", "-c", "import sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.split())


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle, beside a directory for state as the first container leaves it."""
    spec = {
        "ociVersion": "1.0.2",
        "process": {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "root": {"path": "rootfs"},
        "hostname": "cold",
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}]},
    }
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "state").mkdir(mode=0o711)
    (tmp_path / "config.json").write_text(json.dumps(spec), encoding="ascii")
    return tmp_path


@pytest.mark.needs_root
@pytest.mark.parametrize("verb", ["run", "create"])
def test_starting_a_container_keeps_to_its_import_budget(bundle: Path, verb: str) -> None:
    loaded = modules_after(["--root", str(bundle / "state"), verb, "cold"], str(bundle)) - _of_an_idle_interpreter()
    assert "orlop.plan.create" in loaded, "the planner answered without a plan"
    assert loaded & FORBIDDEN_WHEN_STARTING == set()
    assert not any(name.startswith(FOR_PEOPLE) for name in loaded)
    assert len(loaded) <= BUDGET_TO_START_A_CONTAINER, sorted(loaded)


@pytest.mark.parametrize(
    "command", ["--help", "list", "list -q", "spec -b /nonexistent", "state c", "start c", "kill c KILL", "delete -f c"]
)
def test_other_verbs_keep_to_their_import_budget(tmp_path: Path, command: str) -> None:
    argv = ["--root", str(tmp_path / "state"), *command.split()]
    loaded = modules_after(argv, str(tmp_path)) - _of_an_idle_interpreter()
    assert loaded & FORBIDDEN == set()
    assert not any(name.startswith(FOR_PEOPLE) for name in loaded)
    assert len(loaded) <= BUDGET_OTHERWISE, sorted(loaded)


@pytest.mark.needs_root
@pytest.mark.parametrize("words", [[], ["--trace", "t.json"]])
def test_only_a_trace_loads_what_makes_one(bundle: Path, words: list[str]) -> None:
    loaded = modules_after(["--root", str(bundle / "state"), *words, "run", "cold"], str(bundle))
    assert loaded & FORBIDDEN == set()
    assert bool([name for name in loaded if name.startswith("orlop.runtime.trace")]) is bool(words)


@pytest.mark.parametrize(
    "command", ["explain", "explain -f json", "explain -f mermaid", "diff . .", "diff -f json . ."]
)
def test_what_is_told_to_people_needs_only_our_own_modules(bundle: Path, command: str) -> None:
    loaded = modules_after(["--root", str(bundle / "state"), *command.split()], str(bundle)) - _of_an_idle_interpreter()
    assert any(name.startswith(FOR_PEOPLE) for name in loaded), "the planner answered without an explanation"
    assert loaded & FORBIDDEN == set()


@pytest.mark.parametrize("command", sorted(NEEDS_CTYPES))
def test_only_what_asks_libseccomp_loads_ctypes(tmp_path: Path, command: str) -> None:
    loaded = modules_after([command], str(tmp_path)) - _of_an_idle_interpreter()
    assert loaded & FORBIDDEN <= {"ctypes"}
