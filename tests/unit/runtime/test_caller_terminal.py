"""Whether the caller of a foreground process has a terminal."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import FailedPrecondition
from orlop.runtime.caller_terminal import refuse_without_terminal
from orlop.runtime.protocol import Hello

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_STREAMS = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)


@pytest.fixture
def terminal() -> Iterator[int]:
    """A terminal, which is nobody's controlling one."""
    master, slave = os.openpty()
    yield slave
    os.close(slave)
    os.close(master)


@contextmanager
def _process(*words: str, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    options: dict[str, Any] = {**_NO_STREAMS, **streams}
    # `setsid` makes the session itself: it would fork if it led one.
    with subprocess.Popen(words or ("sleep", "1000"), start_new_session=not words, **options) as process:
        yield process
        process.kill()


def _hello(pid: int, proc: str) -> Hello:
    return Hello(["orun"], {}, "/", umask=0o022, pid=pid, proc=proc)


@pytest.mark.parametrize("is_cold", [True, False])
def test_a_caller_without_one_is_refused(is_cold: bool) -> None:
    with _process() as caller:
        hello = _hello(caller.pid, "/proc/self") if is_cold else _hello(1, f"/proc/{caller.pid}")
        with pytest.raises(FailedPrecondition, match=r"^x: the caller has no terminal: .*, or do without$"):
            refuse_without_terminal(hello, "x", "do without")


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_one_stream_is_enough(terminal: int, stream: str) -> None:
    with _process(**{stream: terminal}) as caller:
        refuse_without_terminal(_hello(1, f"/proc/{caller.pid}"), "x", "do without")


def test_a_controlling_terminal_is_enough(terminal: int) -> None:
    script = "exec </dev/null; echo; exec sleep 1000"
    with _process("setsid", "--ctty", "sh", "-c", script, stdin=terminal, stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == b"\n"
        refuse_without_terminal(_hello(caller.pid, "/proc/self"), "x", "do without")


def test_a_stream_that_nobody_writes_to_is_not_waited_for() -> None:
    read, write = os.pipe()
    with _process(stdin=read, stdout=write) as caller, pytest.raises(FailedPrecondition):
        refuse_without_terminal(_hello(1, f"/proc/{caller.pid}"), "x", "do without")
    os.close(read)
    os.close(write)


def test_a_caller_that_is_gone_has_none() -> None:
    with pytest.raises(FailedPrecondition):
        refuse_without_terminal(_hello(1, "/proc/4194305"), "x", "do without")
