"""The planner as a process of its own: how it ends, and how it tells what nobody foresaw."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from orlop.runtime import cold_planner
from orlop.runtime.planner import VERBS

from .fake_executor import EXIT, HELLO, frame, hello

_COLD = Path(cold_planner.__file__).with_name("cold.py")


def _run(*said: bytes) -> tuple[subprocess.CompletedProcess[str], bytes]:
    """Have the planner hear so much and no more; what it printed, and what it said."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"".join(said))
        ours.shutdown(socket.SHUT_WR)
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", str(_COLD), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        theirs.close()
        answer = b""
        while part := ours.recv(1 << 16):
            answer += part
    return done, answer


def test_a_request_is_answered_and_the_process_ends_well() -> None:
    done, answer = _run(hello(["orun", "--help"]))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert answer[:4] == EXIT.to_bytes(4, "little")
    assert b"COMMANDS:" in answer


def test_a_trace_shows_the_start_of_the_interpreter(tmp_path: Path) -> None:
    _run(hello(["orun", "--trace", "t.json", "list"], cwd=str(tmp_path)))
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    names = [event["name"] for event in events if event["ph"] == "X"]
    assert names == ["start", "hello", "arguments"]
    assert next(event for event in events if event["name"] == "start")["dur"] > 1000, "an interpreter starts in no time"


_STORING = """
import sys
sys.path.insert(0, sys.argv[2])
from orlop.runtime import cold_planner, module_bundle
module_bundle._DIRECTORY = sys.argv[3]
cold_planner.main(int(sys.argv[1]), "list", sys.argv[2])
"""


@pytest.mark.needs_root
@pytest.mark.parametrize(("words", "bundles"), [(["--trace", "-"], 0), ([], 1)])
def test_a_traced_request_does_not_decide_what_the_next_ones_load(
    tmp_path: Path, words: list[str], bundles: int
) -> None:
    ours, theirs = socket.socketpair()
    cache = tmp_path / "state" / ".cache"
    cache.mkdir(parents=True)
    with ours, theirs:
        ours.sendall(hello(["orun", "--root", str(tmp_path / "root"), *words, "list", "-q"]))
        command = [sys.executable, "-I", "-S", "-B", "-c", _STORING]
        arguments = [str(theirs.fileno()), str(_COLD.parents[2]), str(cache)]
        subprocess.run([*command, *arguments], pass_fds=[theirs.fileno()], check=True, timeout=300)
    assert len(list(cache.iterdir())) == bundles


def test_an_error_is_an_answer_too() -> None:
    done, answer = _run(hello(["orun", "zzzz"]))
    assert (done.returncode, done.stderr) == (0, "")
    assert answer.endswith(b'orun: no such command: "zzzz"; see orun --help\n')


def test_without_an_executor_it_ends_silently() -> None:
    done, answer = _run(b"")
    assert (done.returncode, done.stdout, done.stderr, answer) == (1, "", "", b"")


def test_what_nobody_foresaw_is_told_with_its_traceback() -> None:
    done, answer = _run(frame(HELLO, b"short"))
    assert done.returncode == 0
    assert done.stderr.startswith("Traceback")
    assert "\norun" not in done.stderr
    code, text = int.from_bytes(answer[8:12], "little"), answer[16:].decode()
    assert code == 1
    assert text.startswith("orun: internal error: error: ")
    assert text.endswith("; please report it\n")


def test_verbs_with_a_bundle_exist() -> None:
    assert set(cold_planner._BUNDLED) <= set(VERBS)
