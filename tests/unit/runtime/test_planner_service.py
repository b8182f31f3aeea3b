"""The resident planner as a process: what it accepts, how many, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import orlop.runtime
from orlop.errors import FailedPrecondition
from orlop.plan.operation_table import fingerprint
from orlop.runtime.planner_service import bind

from .fake_executor import EXIT, frame, hello

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT = Path(orlop.runtime.__path__[0]) / "resident.py"
_ACCEPTED, _REFUSED = 9, 10


@contextmanager
def _service(path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", "-B", str(_SCRIPT), "planner", "--socket", str(path), *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"orun: planner: serving on {path}\n"
        try:
            yield process
        finally:
            process.kill()


def _read_frame(caller: socket.socket) -> tuple[int, bytes]:
    head = caller.recv(8, socket.MSG_WAITALL)
    if not head:
        return 0, b""
    kind, length = struct.unpack("<II", head)
    return kind, caller.recv(length, socket.MSG_WAITALL) if length else b""


def _ask(path: Path, said: bytes) -> list[tuple[int, bytes]]:
    """What the service answers, to the end."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(60)
        caller.connect(str(path))
        caller.sendall(said)
        frames = []
        while (answer := _read_frame(caller))[0]:
            frames.append(answer)
            if answer[0] in (EXIT, _REFUSED):
                break
        return frames


def _list(tmp_path: Path, number: int | None = None) -> bytes:
    return hello(["orun", "--root", str(tmp_path / "root"), "list", "-q"],
                 fingerprint=fingerprint() if number is None else number)  # fmt: skip


def test_a_request_is_accepted_and_answered(tmp_path: Path) -> None:
    with _service(tmp_path / "s"):
        assert _ask(tmp_path / "s", _list(tmp_path)) == [(_ACCEPTED, b""), (EXIT, bytes(8))]


def test_an_error_is_one_line(tmp_path: Path) -> None:
    with _service(tmp_path / "s"):
        said = hello(["orun", "--root", str(tmp_path), "state", "none"], fingerprint=fingerprint())
        _, (kind, payload) = _ask(tmp_path / "s", said)
        assert (kind, payload[:4]) == (EXIT, b"\1\0\0\0")
        assert payload[8:] == b'orun: container "none" does not exist; see orun list\n'


@pytest.mark.parametrize("said", ["other operations", "another version", "no hello", "half a hello"])
def test_what_is_not_ours_is_refused(tmp_path: Path, said: str) -> None:
    frames = {
        "other operations": _list(tmp_path, number=1),
        "another version": hello(["orun", "list"], version=1),
        "no hello": frame(7, b""),
        "half a hello": frame(1, b"12345"),
    }
    with _service(tmp_path / "s"):
        assert _ask(tmp_path / "s", frames[said]) == [(_REFUSED, b"")]
        assert _ask(tmp_path / "s", _list(tmp_path))[0] == (_ACCEPTED, b"")


def test_many_callers_at_once_are_answered(tmp_path: Path) -> None:
    answers = []
    with _service(tmp_path / "s"):
        threads = [
            threading.Thread(target=lambda: answers.append(_ask(tmp_path / "s", _list(tmp_path)))) for _ in range(100)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert answers == [[(_ACCEPTED, b""), (EXIT, bytes(8))]] * 100


def test_callers_that_say_nothing_hold_up_nobody(tmp_path: Path) -> None:
    with _service(tmp_path / "s"):
        silent = []
        for _ in range(40):
            caller = socket.socket(socket.AF_UNIX)
            caller.connect(str(tmp_path / "s"))
            silent.append(caller)
        assert _ask(tmp_path / "s", _list(tmp_path))[0] == (_ACCEPTED, b"")
        for caller in silent:
            caller.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_its_socket(tmp_path: Path, number: signal.Signals) -> None:
    with _service(tmp_path / "s") as process:
        process.send_signal(number)
        assert process.wait(120) == 0
    assert not (tmp_path / "s").exists()


def test_it_ends_when_idle(tmp_path: Path) -> None:
    with _service(tmp_path / "s", "--idle-exit", "1") as process:
        assert process.wait(120) == 0
    assert not (tmp_path / "s").exists()


def test_one_path_has_one_planner_and_a_dead_ones_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with _service(path) as process:
        with pytest.raises(FailedPrecondition, match=f"another planner serves on {path}"):
            bind(str(path))
        process.kill()
        process.wait(120)
    assert path.exists()
    with _service(path):
        assert _ask(path, _list(tmp_path))[0] == (_ACCEPTED, b"")


def test_the_socket_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        fd = bind(str(tmp_path / "deep" / "s"))
    finally:
        os.umask(before)
    os.close(fd)
    assert (tmp_path / "deep" / "s").stat().st_mode & 0o777 == 0o600


def test_memory_and_fds_do_not_grow(tmp_path: Path) -> None:
    with _service(tmp_path / "s") as process:

        def held() -> tuple[int, int]:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
            return resident, len(list(Path(f"/proc/{process.pid}/fd").iterdir()))

        def ask(count: int) -> None:
            missing = hello(["orun", "--root", str(tmp_path), "state", "none"], fingerprint=fingerprint())
            for _ in range(count):
                _ask(tmp_path / "s", missing)

        ask(500)
        resident, fds = held()
        ask(1500)
        deadline = time.monotonic() + 120
        while held()[1] > fds and time.monotonic() < deadline:
            time.sleep(0.01)
        assert held()[1] <= fds
        assert held()[0] < resident + 2048  # KiB: what an allocator needs to settle
