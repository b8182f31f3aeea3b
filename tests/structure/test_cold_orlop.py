"""`orlop` imports what a command needs, when it needs it: the libraries of registries cost tenths of a second."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .source_tree import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

# For registries and progress only.
HEAVY = {"aiohttp", "rich", "zstandard", "isal", "asyncio", "ssl", "http", "subprocess", "socket"}
# What help needs neither: it opens no store.
FOR_STORES = {"sqlite3", "logging", "tomllib", "hashlib"}

_SCRIPT = """
import sys
from orlop.cli.main import main
code = main(sys.argv[1:])
print("modules:", *sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def _modules_after(*words: str) -> set[str]:
    command = [sys.executable, "-I", "-B", "-c", f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n{_SCRIPT}"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout, "the command printed nothing"
    return set(done.stderr.partition("modules:")[2].split())


def _of_an_idle_interpreter() -> set[str]:
    command = [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.split())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["image", "--help"], ["help", "df"]])
def test_help_opens_no_store(words: list[str]) -> None:
    loaded = _modules_after(*words) - _of_an_idle_interpreter()
    assert "orlop.cli.command_line" in loaded
    assert loaded & (HEAVY | FOR_STORES) == set()


@pytest.mark.parametrize("words", ["images", "images -q", "namespace ls", "config", "prune", "df"])
def test_commands_of_the_store_load_nothing_for_registries(tmp_path: Path, words: str) -> None:
    root = ["--root", str(tmp_path / "root"), "--state", str(tmp_path / "state"), "--format", "json"]
    loaded = _modules_after(*root, *words.split()) - _of_an_idle_interpreter()
    assert loaded & HEAVY == set()
    assert not any(name.startswith("orlop.registry") for name in loaded)
