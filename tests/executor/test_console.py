"""Terminals: made in the container, verified, relayed in the foreground or handed to a console socket."""

from __future__ import annotations

import array
import fcntl
import hashlib
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from plan_file import Container, Executor, Plan, execute
from waiting import DEADLINE_S, wait_until


def terminal_container(root: Path, script: str, *, size: int = 0, uid: int = 0) -> Plan:
    container = Container(root)
    container.usual_mounts()
    container.inner.add("console", at=container.root, s0="/dev/console", n0=size, n1=uid)
    container.pivot()
    container.drop()
    return container.run_in_foreground(["/bin/sh", "-c", script], supervise=1)


class Terminal:
    """Our side of a terminal in which the executor runs."""

    def __init__(self, executor: Executor, plan: Plan) -> None:
        self.master, self.slave = pty.openpty()
        self.set_size(33, 77)
        self.before = termios.tcgetattr(self.slave)
        self.process = executor.start(plan, stdin=self.slave, stdout=self.slave, stderr=self.slave)
        self.output = b""

    def set_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def read_until(self, text: bytes) -> bytes:
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.output:
            readable, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            assert readable, f"waited in vain for {text!r}, got {self.output!r}"
            self.output += os.read(self.master, 65536)
        position = self.output.index(text) + len(text)
        found, self.output = self.output[:position], self.output[position:]
        return found

    def finish(self) -> int:
        code = self.process.wait(DEADLINE_S)
        assert termios.tcgetattr(self.slave) == self.before  # restored
        os.close(self.slave)
        os.close(self.master)
        return code


def test_the_terminal_is_relayed_and_restored(executor: Executor, root: Path) -> None:
    script = (
        "echo ready; read line; echo got $line; test -t 0 && test -t 1 && test -t 2 && echo terminal;"
        " ls -l /proc/self/fd/0; exit 5"
    )
    terminal = Terminal(executor, terminal_container(root, script))
    terminal.read_until(b"ready\r\n")
    assert termios.tcgetattr(terminal.slave) != terminal.before  # raw: the container's terminal does the echo
    terminal.type(b"hello\r")
    terminal.read_until(b"got hello\r\n")
    terminal.read_until(b"terminal\r\n")
    terminal.read_until(b"/dev/pts/0\r\n")
    assert terminal.finish() == 5


def test_control_c_reaches_the_container_as_a_signal_of_its_terminal(executor: Executor, root: Path) -> None:
    terminal = Terminal(
        executor,
        terminal_container(
            root, "trap 'echo interrupted; exit 8' INT; echo ready; while :; do busybox sleep 0.05; done"
        ),
    )
    terminal.read_until(b"ready\r\n")
    terminal.type(b"\x03")
    terminal.read_until(b"interrupted\r\n")
    assert terminal.finish() == 8


def test_the_window_size_follows(executor: Executor, root: Path) -> None:
    """Also the first one, which may come after the start of the program."""
    script = (
        "trap 'stty size' WINCH; trap 'exit 3' TERM; until test \"$(stty size)\" = '33 77'; do :; done; echo ready;"
        " while :; do busybox sleep 0.05; done"
    )
    terminal = Terminal(executor, terminal_container(root, script))
    terminal.read_until(b"ready\r\n")
    terminal.set_size(40, 90)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.read_until(b"40 90\r\n")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.finish() == 3


def test_a_large_output_comes_whole_and_in_order(executor: Executor, root: Path) -> None:
    terminal = Terminal(
        executor,
        terminal_container(root, "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo the-end"),
    )
    output = terminal.read_until(b"the-end\r\n")
    assert output.split(b"\r\n")[:-2] == [b"line %d" % number for number in range(20000)]
    assert terminal.finish() == 0


def test_the_last_output_is_not_lost(executor: Executor, root: Path) -> None:
    for _ in range(20):
        plan = terminal_container(root, "echo last")
        outcome = executor.run(plan, stdin=subprocess.DEVNULL)
        assert (outcome.code, outcome.stdout) == (0, "last\r\n")


def test_a_large_input_comes_whole(executor: Executor, root: Path) -> None:
    plan = terminal_container(root, "stty raw -echo; echo ready; busybox head -c 1000000 | busybox sha256sum; exit 4")
    terminal = Terminal(executor, plan)
    terminal.read_until(b"ready")
    data = bytes(range(256)) * 3907
    sent = 0
    os.set_blocking(terminal.master, False)
    deadline = time.monotonic() + DEADLINE_S
    while b"-" not in terminal.output:
        assert time.monotonic() < deadline, terminal.output
        readable, writable, _ = select.select([terminal.master], [terminal.master] if sent < 1_000_000 else [], [], 1)
        if readable:
            terminal.output += os.read(terminal.master, 65536)
        if writable:
            sent += os.write(terminal.master, data[sent : min(sent + 4096, 1_000_000)])
    assert hashlib.sha256(data[:1_000_000]).hexdigest().encode() in terminal.output
    assert terminal.finish() == 4


def test_pipes_end_and_nobody_reading_does_no_harm(executor: Executor, root: Path) -> None:
    process = executor.start(
        terminal_container(root, "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; exit 3"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(DEADLINE_S) == 3


def test_the_terminal_is_restored_when_init_is_killed(executor: Executor, root: Path) -> None:
    terminal = Terminal(executor, terminal_container(root, "echo ready; kill -9 $$; while :; do read line; done"))
    terminal.read_until(b"ready\r\n")
    terminal.process.send_signal(signal.SIGTERM)  # a pid 1 without a handler ignores it
    children = f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children"
    wait_until(lambda: Path(children).read_text() != "", "init")
    os.kill(int(Path(children).read_text()), signal.SIGKILL)
    assert terminal.finish() == 137


def _is_writable(fd: int) -> bool:
    return bool(select.select([], [fd], [], 0)[1])


def test_a_terminal_that_was_stopped_does_not_stop_the_relay(executor: Executor, root: Path) -> None:
    master, slave = pty.openpty()
    os.write(master, b"\x13")  # ^S
    wait_until(lambda: not _is_writable(slave), "the stop of the terminal")
    # Somebody's write waits, and with it whoever wants the terminal drained.
    writer = subprocess.Popen(["/bin/echo", "held back"], stdout=slave)
    wait_until(lambda: Path(f"/proc/{writer.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S", "the writer")
    process = executor.start(terminal_container(root, "exit 5"), stdin=slave, stdout=slave, stderr=slave)
    assert process.wait(DEADLINE_S) == 5
    assert writer.wait(DEADLINE_S) == 0
    os.close(slave)
    os.close(master)


def test_a_terminal_that_nobody_reads_does_not_hold_back_signals(executor: Executor, root: Path) -> None:
    terminal = Terminal(executor, terminal_container(root, "while :; do echo 0123456789; done"))
    children = f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children"
    wait_until(lambda: not _is_writable(terminal.slave), "a terminal full of output")
    init = int(Path(children).read_text())
    os.kill(init, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{init}").exists(), "init's end to be noticed")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.finish() == 137


def test_a_slave_that_nobody_holds_may_be_opened_again(executor: Executor, root: Path) -> None:
    script = "exec </dev/null >/dev/null 2>&1; busybox sleep 0.3; echo again > /dev/console; busybox sleep 0.3; exit 6"
    outcome = executor.run(terminal_container(root, script), stdin=subprocess.DEVNULL)
    assert (outcome.code, outcome.stdout) == (6, "again\r\n")


def test_size_and_owner_are_set_and_the_console_is_bound(executor: Executor, root: Path) -> None:
    script = "stty size; busybox stat -c '%u %t' /dev/pts/0 /dev/console; echo bound > /dev/console"
    outcome = executor.run(terminal_container(root, script, size=24 | 100 << 16, uid=7), stdin=subprocess.DEVNULL)
    assert outcome.stdout.split("\r\n") == ["24 100", "7 88", "7 88", "bound", ""]


def test_a_console_socket_gets_the_master(executor: Executor, root: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "console.sock"))
        listener.listen()
        container = Container(root)
        container.outer.steps.insert(0, {"operation": "connect", "fd": 77, "s0": str(tmp_path / "console.sock")})
        container.usual_mounts()
        container.inner.add("console", fd=77, at=container.root)
        container.pivot()
        execute(container.inner, ["/bin/sh", "-c", "read line; echo got $line"])
        container.outer.add("wait_exec")
        container.outer.add("supervise")
        process = executor.start(container.plan, stdin=subprocess.DEVNULL)
        connection, _ = listener.accept()
    fds = array.array("i")
    name, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
    connection.close()
    fds.frombytes(control[0][2])
    assert name == b"/dev/pts/0"
    os.write(fds[0], b"x\n")
    assert process.wait(DEADLINE_S) == 0
    assert os.read(fds[0], 100).endswith(b"got x\r\n")
    os.close(fds[0])


@pytest.mark.parametrize("fake", ["link", "device", "file"])
def test_a_fake_ptmx_is_refused(executor: Executor, root: Path, fake: str) -> None:
    """CVE-2025-52565, CVE-2026-41579: /dev is what the image says it is."""
    pts = root / "dev" / "pts"
    pts.mkdir()
    if fake == "link":
        (pts / "ptmx").symlink_to("/dev/ptmx")
    elif fake == "device":
        os.mknod(pts / "ptmx", 0o020666, 5 << 8 | 2)
    else:
        (pts / "ptmx").write_text("")
    container = Container(root)
    index = container.inner.add("console", at=container.root)
    failure = executor.run(container.plan_with_wait()).failure()
    assert (failure.index, failure.op) == (index, "console")
    assert failure.errno in ("ELOOP", "ENODEV", "ENOENT", "EIO")
