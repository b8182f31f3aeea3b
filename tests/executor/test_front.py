"""orun itself, with a planner made for the test: start, seal, HELLO, messages, ends."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from plan_file import Container, Outcome, Plan, Record, new_plan
from waiting import DEADLINE_S

from orlop.plan import operation_table
from orlop.plan.operations import BEST_EFFORT

HELLO, PLAN, EXIT, WRITE, FAIL, WARN, DONE, ACCEPTED = 1, 2, 3, 4, 5, 6, 7, 9
PLAN_KEEP = 2


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack("<II", kind, len(payload)) + payload


def exit_frame(code: int, out: str = "", error: str = "") -> bytes:
    return frame(EXIT, struct.pack("<II", code, len(out)) + out.encode() + error.encode())


class Front:
    """An installation of orun and what its planner says and hears."""

    def __init__(self, orun: Path, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "bin" / "orun"
        script = directory / "lib" / "python3.11" / "site-packages" / "orlop" / "runtime" / "cold.py"
        for made in (self.program.parent, script.parent):
            made.mkdir(parents=True)
        shutil.copy(orun, self.program)
        (directory / "bin" / "python3").symlink_to(sys.executable)
        shutil.copy(Path(__file__).with_name("fake_planner.py"), script)

    def says(self, *turns: bytes) -> None:
        for number, turn in enumerate(turns, 1):
            (self.directory / f"send-{number}").write_bytes(turn)

    def environment(self, **more: str) -> dict[str, str]:
        # A process that is not dumpable cannot be searched for leaks.
        return {"FAKE_PLANNER": str(self.directory), "PATH": "/bin", "ASAN_OPTIONS": "detect_leaks=0", **more}

    def run(self, *arguments: str, **options: object) -> Outcome:
        options.setdefault("env", self.environment())
        command = [str(self.program), *arguments]
        done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False, **options)  # type: ignore[call-overload]
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def heard(self) -> list[tuple[int, bytes]]:
        lines = [json.loads(line) for line in (self.directory / "heard").read_text().splitlines()]
        return [(line["type"], base64.b64decode(line["payload"])) for line in lines if "type" in line]


@pytest.fixture
def front(orun: Path, tmp_path: Path) -> Front:
    directory = tmp_path / "installed"
    directory.mkdir()
    return Front(orun, directory)


def failing_plan() -> Plan:
    plan = new_plan()
    plan.outer.add("mkdir", s0="/nonexistent/child", n0=0o755)
    return plan


def parse_failure(payload: bytes) -> tuple[tuple[int, ...], str]:
    return struct.unpack("<6I", payload[:24]), payload[24:-1].decode()


@pytest.mark.parametrize("verb", ["create", "state"])
def test_hello_says_how_we_were_started(front: Front, verb: str) -> None:
    front.says(exit_frame(3, "out\n", "error\n"))
    outcome = front.run("--root", "/tmp/create", verb, "ü", cwd="/usr", umask=0o027)
    assert outcome == Outcome(3, "out\n", "error\n")
    ((kind, payload),) = front.heard()
    version, fingerprint, argc, envc, umask, pid = struct.unpack("<6I", payload[:24])
    strings = payload[24:].decode().split("\0")
    assert (kind, version, umask) == (1, 2, 0o027)
    assert fingerprint == operation_table.fingerprint()
    assert pid > 0
    assert strings[:argc] == [str(front.program), "--root", "/tmp/create", verb, "ü"]
    assert sorted(strings[argc : argc + envc]) == sorted(f"{k}={v}" for k, v in front.environment().items())
    assert strings[argc + envc :] == ["/usr", ""]


def test_a_stage_variable_of_the_callers_is_not_believed(front: Front) -> None:
    front.says(exit_frame(0))
    outcome = front.run("create", "c", env=front.environment(_ORUN_STAGE="7:1:0:/"))
    assert outcome == Outcome(0, "", "")
    assert b"_ORUN_STAGE" not in front.heard()[0][1]


def test_write_messages_are_printed_and_the_plan_is_confirmed(front: Front) -> None:
    plan = new_plan()
    plan.outer.add("mkdir", s0=str(front.directory / "made"), n0=0o700)
    front.says(
        frame(WRITE, struct.pack("<I", 1) + b"one\n")
        + frame(WRITE, struct.pack("<I", 2) + b"two\n")
        + frame(PLAN, plan.encode())
    )
    assert front.run("delete", "c") == Outcome(0, "one\n", "two\n")
    assert [kind for kind, _ in front.heard()] == [1, DONE]
    assert (front.directory / "made").is_dir()


def test_a_failure_is_told_and_the_answer_printed(front: Front) -> None:
    front.says(frame(PLAN, failing_plan().encode()), exit_frame(1, "", "cannot\n"))
    assert front.run("create", "c") == Outcome(1, "", "cannot\n")
    kind, payload = front.heard()[1]
    assert (kind, parse_failure(payload)) == (FAIL, ((0, 0, 1, 2, 0, 0), "/nonexistent/child"))


def test_warnings_of_cleanup_come_before_the_failure(front: Front) -> None:
    plan = failing_plan()
    plan.cleanup.add("unlink", s0="/proc/nothing/file")
    plan.cleanup.add("rmdir", s0="/proc")
    front.says(frame(PLAN, plan.encode()), exit_frame(1))
    assert front.run("create", "c") == Outcome(1, "", "")
    assert [kind for kind, _ in front.heard()] == [1, WARN, FAIL]
    assert parse_failure(front.heard()[1][1])[0][:3] == (2, 1, 2)


def test_after_a_failure_one_more_plan_may_come(front: Front) -> None:
    undo = new_plan()
    undo.flags = PLAN_KEEP
    undo.outer.add("mkdir", s0=str(front.directory / "undone"), n0=0o700)
    front.says(frame(PLAN, failing_plan().encode()), frame(PLAN, undo.encode()), exit_frame(7, "", "told\n"))
    assert front.run("create", "c") == Outcome(7, "", "told\n")
    assert [kind for kind, _ in front.heard()] == [1, FAIL, DONE]
    assert (front.directory / "undone").is_dir()


def test_a_failure_nobody_explains_is_printed_raw(front: Front) -> None:
    front.says(frame(PLAN, failing_plan().encode()))
    outcome = front.run("create", "c")
    assert outcome.code == 1
    assert outcome.records() == [
        Record("orun: fail", "outer", 0, "mkdir", "ENOENT", "outer", 0, "/nonexistent/child"),
    ]


def test_a_planner_that_ends_early_is_named(front: Front) -> None:
    (front.directory / "exit").write_text("5")
    assert front.run("create", "c") == Outcome(1, "", "orun: the planner ended before it answered (exit status 5)\n")
    assert front.run("exec", "c", "sh").code == 255


def test_a_missing_planner_is_one_clear_line(front: Front) -> None:
    shutil.rmtree(front.directory / "lib")
    outcome = front.run("create", "c")
    assert outcome.code == 1
    assert outcome.stderr.startswith("orun: cannot find the planner: ")
    assert outcome.stderr.count("\n") == 1


def test_a_malformed_plan_is_refused_whole(front: Front) -> None:
    plan = new_plan()
    made = front.directory / "made"
    plan.outer.add("mkdir", s0=str(made), n0=0o700)
    front.says(frame(PLAN, plan.encode()[:-1]))
    outcome = front.run("create", "c")
    assert outcome.code == 1
    assert outcome.stderr.startswith("orun: the planner sent a malformed plan: ")
    assert not made.exists()


@pytest.mark.parametrize(
    "answer", [frame(99), frame(EXIT, b"\1"), frame(WRITE, struct.pack("<I", 7)), struct.pack("<II", 2, 1 << 30)]
)
def test_a_malformed_message_ends_with_one_line(front: Front, answer: bytes) -> None:
    front.says(answer)
    outcome = front.run("state", "c")
    assert outcome.code == 1
    assert outcome.stderr.startswith("orun: ")
    assert outcome.stderr.count("\n") == 1


def test_the_container_is_entered_from_a_sealed_copy(front: Front) -> None:
    """CVE-2019-5736: what runs in the container is no file of the host, and cannot be written."""
    plan = new_plan()
    plan.outer.add("hook", s0="/bin/sh", n1=10000, n0=3, blob=b"sh\0-c\0readlink /proc/$PPID/exe >&2\0")
    front.says(frame(PLAN, plan.encode()))
    assert front.run("create", "c").stderr == "/memfd:orun (deleted)\n"
    assert front.run("delete", "c").stderr == f"{front.program}\n"


def test_a_foreground_container_outlives_its_planner(front: Front, root: Path) -> None:
    container = Container(root)
    container.usual_mounts()
    container.pivot()
    container.inner.add("close_range", n0=3)
    container.inner.add("lookup_program", s0="/bin/sh")
    container.inner.add("execve", n0=3, blob=b"sh\0-c\0echo in; exit 9\0")
    container.outer.add("wait_exec")
    container.outer.add("detach_planner")
    container.outer.add("supervise")
    front.says(frame(PLAN, container.plan.encode()))
    outcome = front.run("run", "c", stdin=subprocess.DEVNULL)
    assert (outcome.code, outcome.stdout, outcome.stderr) == (9, "in\n", "")
    assert [kind for kind, _ in front.heard()] == [1, DONE]


def test_no_child_is_left_behind(front: Front) -> None:
    front.says(exit_frame(0))
    front.run("create", "c")
    pid = json.loads((front.directory / "heard").read_text().splitlines()[0])["pid"]
    assert not Path(f"/proc/{pid}").exists()  # reaped before orun ended


@pytest.mark.parametrize("is_detached", [False, True])
def test_who_warned_a_resident_planner_ends_after_it_hung_up(front: Front, is_detached: bool) -> None:
    """The caller reads the log once we ended: what we warned of must be in it."""
    plan = new_plan()
    plan.outer.add("mkdir", s0="/nonexistent/child", n0=0o755, flags=BEST_EFFORT)
    if is_detached:
        plan.outer.add("detach_planner")
    path = front.directory / "planner.sock"
    with socket.create_server(str(path), family=socket.AF_UNIX) as server:
        environment = front.environment(ORUN_PLANNER=str(path))
        with subprocess.Popen([str(front.program), "delete", "c"], env=environment) as process:
            planner, _ = server.accept()
            with planner, planner.makefile("rb") as stream:
                planner.sendall(frame(ACCEPTED) + frame(PLAN, plan.encode()))
                heard: list[int] = []
                while DONE not in heard:
                    kind, length = struct.unpack("<II", stream.read(8))
                    stream.read(length)
                    heard.append(kind)
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.5)
            assert process.wait(DEADLINE_S) == 0
    assert heard == [HELLO, WARN, DONE]
