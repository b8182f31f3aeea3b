"""The flags of `planner`, and socket activation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orlop.runtime import verb_planner
from orlop.runtime.verb_planner import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--idle-exit", "-1"], "orun: --idle-exit: -1 is negative; give a number of seconds\n"),
        (["--socket", "here"], "orun: --socket: here is not absolute; write the whole path\n"),
    ],
)
def test_a_bad_flag_is_named(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["planner", *words]) == 1
    assert capsys.readouterr().err == message


def test_a_socket_that_was_passed_needs_no_path(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert main(["planner", "--socket", str(tmp_path / "s")]) == 1
    assert "--socket: the socket was passed by socket activation" in capsys.readouterr().err


@pytest.mark.parametrize(("pid", "count", "is_activated"), [("1", "1", False), (None, "1", False), ("own", "0", False)])
def test_what_was_passed_to_another_process_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, pid: str | None, count: str, *, is_activated: bool
) -> None:
    if pid:
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()) if pid == "own" else pid)
    monkeypatch.setenv("LISTEN_FDS", count)
    assert verb_planner._is_activated() is is_activated


def test_several_sockets_are_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    assert main(["planner"]) == 1
    assert capsys.readouterr().err == "orun: LISTEN_FDS is 2; pass one listening unix socket\n"
