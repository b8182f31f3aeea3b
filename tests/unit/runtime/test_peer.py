"""Whom a resident planner serves: only its equals."""

from __future__ import annotations

import os
import posix
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from orlop.runtime import peer
from orlop.runtime.peer import Identity, serveable_pid

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def _pair(tmp_path: Path) -> tuple[socket.socket, socket.socket]:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        caller = socket.socket(socket.AF_UNIX)
        caller.connect(path)
        served, _ = listener.accept()
    return caller, served


def test_we_may_serve_ourselves(tmp_path: Path) -> None:
    caller, served = _pair(tmp_path)
    with caller, served:
        assert serveable_pid(served, Identity("/proc/self")) == os.getpid()


def test_each_difference_is_enough_to_be_sent_away() -> None:
    own = Identity("/proc/self")
    for index in range(len(own.places)):
        other = Identity("/proc/self")
        other.places[index] = (0, 0)
        assert not own.may_serve(other)
    for index in range(len(own.confinement)):
        other = Identity("/proc/self")
        other.confinement = tuple("2" if at == index else one for at, one in enumerate(other.confinement))
        assert not own.may_serve(other)
    weaker = Identity("/proc/self")
    own.capabilities, weaker.capabilities = 0b11, 0b01
    assert not own.may_serve(weaker)
    assert weaker.may_serve(own)


def test_another_user_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, served = _pair(tmp_path)
    with caller, served:
        monkeypatch.setattr(posix, "geteuid", lambda: os.getuid() + 1)
        assert serveable_pid(served, Identity("/proc/self")) is None


def test_a_caller_that_has_ended_is_sent_away(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    program = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({path!r})"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
        served, _ = listener.accept()
    with served:
        assert serveable_pid(served, Identity("/proc/self")) is None


def test_without_peerpidfd_the_pid_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "_SO_PEERPIDFD", 9999)  # before Linux 6.5
    caller, served = _pair(tmp_path)
    with caller, served:
        assert serveable_pid(served, Identity("/proc/self")) == os.getpid()
