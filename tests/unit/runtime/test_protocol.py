"""The wire to the executor, byte by byte."""

from __future__ import annotations

import struct
import threading
from typing import TYPE_CHECKING

import pytest

from orlop.errors import Unavailable
from orlop.plan.builder import Plan
from orlop.runtime.protocol import ExecutorFailed, ExecutorGone

from .fake_executor import DONE, EXIT, FAIL, HELLO, PLAN, WARN, WRITE, decode_plan, frame, hello, report

if TYPE_CHECKING:
    from .fake_executor import ExecutorEnd


def _plan() -> Plan:
    plan = Plan("cannot test")
    plan.outer.add("mkdir", s0="/somewhere", n0=0o755)
    return plan


def test_a_hello_is_taken_apart(executor: ExecutorEnd) -> None:
    environment = {"PATH": "/bin:/sbin", "EMPTY": "", "EQUALS": "a=b"}
    executor.say(hello(["orun", "run", "", "c"], environment=environment, cwd="/here", umask=0o77, pid=4711))
    found = executor.connection.receive_hello()
    assert found.argv == ["orun", "run", "", "c"]
    assert found.environment == environment
    assert (found.cwd, found.umask, found.pid) == ("/here", 0o77, 4711)


def test_an_argument_that_is_not_utf_8_comes_through(executor: ExecutorEnd) -> None:
    executor.say(hello(["orun", b"\xff"]))
    assert executor.connection.receive_hello().argv == ["orun", "\udcff"]


def test_frames_may_arrive_in_single_bytes(executor: ExecutorEnd) -> None:
    def trickle() -> None:
        for byte in hello(["orun", "list"], environment={"A": "1"}) + report(WARN, "mkdir", detail="x") + frame(DONE):
            executor.say(bytes([byte]))

    thread = threading.Thread(target=trickle)
    thread.start()
    assert executor.connection.receive_hello().argv == ["orun", "list"]
    executor.connection.execute(_plan())
    thread.join(timeout=120)
    assert [one.detail for _, one in executor.connection.warnings] == ["x"]


def test_another_message_than_hello_is_refused(executor: ExecutorEnd) -> None:
    executor.say(frame(DONE))
    with pytest.raises(Unavailable) as caught:
        executor.connection.receive_hello()
    assert caught.value.message == "the executor sent message 7 instead of HELLO"


def test_another_version_is_refused(executor: ExecutorEnd) -> None:
    executor.say(hello(["orun"], version=3))
    with pytest.raises(Unavailable) as caught:
        executor.connection.receive_hello()
    assert caught.value.message == "the executor speaks protocol 3, this planner 2"


@pytest.mark.parametrize("said", [b"", b"\x01", frame(HELLO, b"12345")[:-1], hello(["orun"])[:-1]])
def test_an_executor_that_ends_within_a_message_is_gone(executor: ExecutorEnd, said: bytes) -> None:
    executor.say(said)
    executor.say_no_more()
    with pytest.raises(ExecutorGone):
        executor.connection.receive_hello()


def test_a_message_of_more_than_64_mib_is_refused_unread(executor: ExecutorEnd) -> None:
    executor.say(struct.pack("<II", HELLO, (64 << 20) + 1))
    executor.say_no_more()
    with pytest.raises(Unavailable) as caught:
        executor.connection.receive_hello()
    assert caught.value.message == "the executor sent a message of 67108865 bytes"


def test_a_plan_is_sent_whole_and_done_ends_it(executor: ExecutorEnd) -> None:
    executor.say(frame(DONE))
    plan = _plan()
    executor.connection.execute(plan)
    ((kind, payload),) = executor.frames()
    assert kind == PLAN
    assert payload == plan.encode()
    (step,) = decode_plan(payload).outer
    assert (step.name, step.s0, step.n0) == ("mkdir", "/somewhere", 0o755)


def test_warnings_are_collected_with_their_plan(executor: ExecutorEnd) -> None:
    first = report(WARN, "mkdir", section=2, index=3, errno=17, status=5, where=1, detail="one\ntwo")
    executor.say(first, report(WARN, "rmdir", errno=16), frame(DONE))
    plan = _plan()
    executor.connection.execute(plan)
    (plan_1, one), (_, two) = executor.connection.warnings
    assert plan_1 is plan
    assert (one.section, one.index, one.errno, one.status, one.where) == (2, 3, 17, 5, 1)
    assert one.detail == "one\ntwo"
    assert (two.errno, two.detail) == (16, "")


def test_a_failure_is_raised_with_its_plan(executor: ExecutorEnd) -> None:
    executor.say(report(WARN, "rmdir", errno=16), report(FAIL, "mkdir", errno=13, detail="why"))
    plan = _plan()
    with pytest.raises(ExecutorFailed) as caught:
        executor.connection.execute(plan)
    assert caught.value.plan is plan
    assert (caught.value.report.code, caught.value.report.errno, str(caught.value)) == (1, 13, "why")
    assert len(executor.connection.warnings) == 1


def test_a_detail_that_is_not_utf_8_is_shown_as_bytes(executor: ExecutorEnd) -> None:
    executor.say(frame(FAIL, struct.pack("<6I", 0, 0, 1, 2, 0, 0) + b"a\xffb\0after"))
    with pytest.raises(ExecutorFailed, match=r"^a\\xffb$"):
        executor.connection.execute(_plan())


def test_an_executor_that_ends_before_its_report_is_gone(executor: ExecutorEnd) -> None:
    executor.say_no_more()
    with pytest.raises(ExecutorGone):
        executor.connection.execute(_plan())


def test_an_executor_that_reads_no_more_is_gone(executor: ExecutorEnd) -> None:
    executor.vanish()
    with pytest.raises(ExecutorGone):
        executor.connection.exit(0)


def test_an_exit_has_code_and_both_texts(executor: ExecutorEnd) -> None:
    executor.connection.exit(3, "oút\n", "err\n")
    assert executor.frames() == [(EXIT, struct.pack("<II", 3, 5) + "oút\nerr\n".encode())]


def test_an_exit_with_nothing_to_print(executor: ExecutorEnd) -> None:
    executor.connection.exit(0)
    assert executor.frames() == [(EXIT, bytes(8))]


def test_a_write_has_the_fd_and_the_text(executor: ExecutorEnd) -> None:
    executor.connection.write(1, "a\n")
    executor.connection.write(2, "\udcff")
    assert executor.frames() == [(WRITE, b"\x01\0\0\0a\n"), (WRITE, b"\x02\0\0\0\xff")]


def test_a_text_larger_than_the_sockets_buffer_is_sent_whole(executor: ExecutorEnd) -> None:
    size = 4 << 20
    sender = threading.Thread(target=executor.connection.exit, args=(0, "x" * size))
    sender.start()
    received = executor.receive(size + 16)
    sender.join(timeout=120)
    assert received == struct.pack("<IIII", EXIT, size + 8, 0, size) + b"x" * size
