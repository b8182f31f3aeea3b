"""A local content store for each test, and programs that use it from other processes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.content.local import LocalContentStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    StartWorker = Callable[..., AbstractContextManager[subprocess.Popen[str]]]

_WORKER = Path(__file__).with_name("worker.py")
_SOURCE = Path(__file__).parents[3] / "src"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "content"


@pytest.fixture
def store(root: Path) -> LocalContentStore:
    """An empty store."""
    return LocalContentStore(root)


@pytest.fixture
def start_worker() -> StartWorker:
    """Starts worker.py with arguments, its input and output at pipes; it is killed at the block's end."""

    @contextmanager
    def start(*arguments: object) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, str(_WORKER), str(_SOURCE), *map(str, arguments)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    return start
