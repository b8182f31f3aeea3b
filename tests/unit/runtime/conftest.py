"""One request to the planner over a real socket, and the containers that it may be about."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from orlop.runtime.planner import serve

from .fake_executor import DONE, ExecutorEnd, frame, hello
from .samples import make_sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .fake_executor import WirePlan
    from .samples import Sample


class Outcome(NamedTuple):
    """What one request came to: the answer if there was one, and what was to be executed and written before it."""

    code: int | None
    out: str
    err: str
    plans: list[WirePlan]
    writes: list[tuple[int, str]]
    is_answered: bool


class Orun(Protocol):
    """Serve `orun WORDS...`. `answers` are the executor's, by default that the first plan is done."""

    def __call__(
        self,
        *words: str | bytes,
        answers: tuple[bytes, ...] = ...,
        environment: dict[str, str] | None = ...,
        cwd: str | None = ...,
        umask: int = ...,
        pid: int = ...,
        root: str | None = ...,
    ) -> Outcome: ...


@pytest.fixture
def executor() -> Iterator[ExecutorEnd]:
    """An executor that a test drives."""
    with ExecutorEnd() as fake:
        yield fake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The state root, not made yet."""
    return tmp_path / "state"


@pytest.fixture
def orun(root: Path, tmp_path: Path) -> Orun:
    """`orun --root ROOT WORDS...`, called in tmp_path."""

    def call(
        *words: str | bytes,
        answers: tuple[bytes, ...] = (frame(DONE),),
        environment: dict[str, str] | None = None,
        cwd: str | None = None,
        umask: int = 0o022,
        pid: int = 1,
        root: str | None = str(root),
    ) -> Outcome:
        argv = ["orun", *(("--root", root) if root else ()), *words]
        with ExecutorEnd() as fake:
            fake.say(hello(argv, environment=environment, cwd=cwd or str(tmp_path), umask=umask, pid=pid), *answers)
            fake.say_no_more()
            is_answered = serve(fake.connection, fake.connection.receive_hello())
            told = fake.told()
        assert len(told.exits) <= 1, "a request has one answer"
        code, out, err = told.exits[0] if told.exits else (None, "", "")
        return Outcome(code, out, err, told.plans, told.writes, is_answered)

    return call


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for its end."""
    command, none = [sys.executable, "-I", "-S", "-c", "input()"], subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=none, stderr=none, start_new_session=True) as process:
        yield process
        process.kill()


@pytest.fixture
def pty_holder() -> Iterator[int]:
    """The pid of a process whose stdin is a terminal."""
    master, slave = os.openpty()
    with subprocess.Popen(["sleep", "1000"], stdin=slave, stdout=subprocess.DEVNULL) as process:
        yield process.pid
        process.kill()
    os.close(slave)
    os.close(master)


@pytest.fixture
def stopped(root: Path) -> Sample:
    """A container `web` that has no process any more."""
    return make_sample(root)


@pytest.fixture
def running(root: Path, child: subprocess.Popen[bytes]) -> Sample:
    """A container `web` whose init is `child`."""
    return make_sample(root, pid=child.pid)
