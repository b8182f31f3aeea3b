"""Terminals: in the foreground, and sent over --console-socket."""

from __future__ import annotations

import os
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from .terminal import FdSocket, Screen, TerminalCall
from .waiting import wait_for_exit, wait_readable, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .container import Container

    Spawn = Callable[..., TerminalCall]


@pytest.fixture
def on_terminal(container: Container) -> Iterator[Spawn]:
    """Calls the runtime on a pty."""
    calls: list[TerminalCall] = []

    def spawn(*words: str, rows: int = 24, columns: int = 80) -> TerminalCall:
        runtime = container.runtime
        call = TerminalCall([*runtime.command, *words], env=runtime.environment, rows=rows, columns=columns)
        calls.append(call)
        return call

    yield spawn
    for call in calls:
        call.close()


@pytest.fixture
def terminal_run(container: Container, on_terminal: Spawn) -> Spawn:
    """`run` of the container on a pty."""
    container.config["process"]["terminal"] = True

    def run(*args: str, **size: int) -> TerminalCall:
        container.config["process"]["args"] = list(args)
        return on_terminal("run", "--bundle", str(container.bundle.write()), container.id, **size)

    return run


@pytest.fixture
def console_socket(directory: Path) -> Iterator[FdSocket]:
    """A socket that takes a terminal."""
    socket = FdSocket(directory / "console.sock")
    yield socket
    socket.close()


@pytest.fixture
def pidfd_socket(directory: Path) -> Iterator[FdSocket]:
    """A socket that takes a pidfd."""
    socket = FdSocket(directory / "pidfd.sock")
    yield socket
    socket.close()


def test_run_gives_the_program_a_terminal_of_its_own(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all three")
    call.screen.wait_for(r"/dev/pts/0\r\n")
    call.screen.wait_for(r"all three\r\n")
    assert call.wait() == 0


def test_the_terminal_controls_the_program(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "echo to my terminal > /dev/tty; ps -o pid,tty | cat")
    call.screen.wait_for(r"to my terminal\r\n")
    call.screen.wait_for(r"1 136,0")
    assert call.wait() == 0


def test_dev_console_is_the_terminal(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "echo hello > /dev/console; stat -c %t:%T /dev/console /dev/pts/0")
    call.screen.wait_for(r"hello\r\n88:0\r\n88:0\r\n")
    assert call.wait() == 0


def test_the_terminal_belongs_to_the_user(container: Container, terminal_run: Spawn) -> None:
    container.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    call = terminal_run("sh", "-c", "stat -c %u:%g:%a $(tty); echo x > /dev/console && echo written")
    call.screen.wait_for(r"1000:5:6[26]0\r\n")
    call.screen.wait_for(r"written\r\n")
    assert call.wait() == 0


def test_keys_reach_the_program_unchanged(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "stty raw -echo; echo ready; head -c 4 | od -An -tx1")
    call.screen.wait_for("ready")
    wait_until(call.is_raw, "the raw mode of the caller's terminal")
    call.screen.type("\x03\x1a\r\x04")
    call.screen.wait_for(r"03 1a 0d 04")
    assert call.wait() == 0


def test_ctrl_c_interrupts_the_program(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "trap 'echo interrupted; exit 12' INT; echo ready; while :; do sleep 0.05; done")
    call.screen.wait_for("ready")
    wait_until(call.is_raw, "the raw mode of the caller's terminal")
    call.screen.type("\x03")
    call.screen.wait_for("interrupted")
    assert call.wait() == 12


def test_the_terminal_is_restored(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "echo ready; read line")
    call.screen.wait_for("ready")
    wait_until(call.is_raw, "the raw mode of the caller's terminal")
    call.screen.type("go\r")
    assert call.wait() == 0
    assert call.local_modes() == call.modes_before


def test_the_terminal_is_restored_when_the_program_is_killed(container: Container, terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "echo ready; exec sleep 10000")
    call.screen.wait_for("ready")
    wait_until(call.is_raw, "the raw mode of the caller's terminal")
    container.kill("KILL").check()
    assert call.wait() == 137
    assert not call.is_raw()


def test_the_window_size_is_passed_at_start(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "echo ready; read line; stty size", rows=33, columns=111)
    call.screen.wait_for("ready")
    call.screen.type("go\r")
    call.screen.wait_for(r"33 111\r\n")
    assert call.wait() == 0


def test_a_new_window_size_is_passed_on(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    call.screen.wait_for("ready")
    wait_until(call.is_raw, "the raw mode of the caller's terminal")
    call.screen.resize(44, 99)
    call.signal(signal.SIGWINCH)
    call.screen.wait_for(r"44 99\r\n")


def test_the_last_output_is_not_lost(terminal_run: Spawn) -> None:
    call = terminal_run("sh", "-c", "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done")
    call.screen.wait_for(r"line 1\r\n")
    call.screen.wait_for(r"line 2000\r\n")
    assert call.wait() == 0


def test_the_exit_code_is_the_programs(terminal_run: Spawn) -> None:
    assert terminal_run("sh", "-c", "exit 21").wait() == 21


def test_exec_tty_gives_a_terminal(container: Container, on_terminal: Spawn) -> None:
    container.run_detached()
    call = on_terminal("exec", "--tty", container.id, "sh", rows=30, columns=100)
    call.screen.wait_for(r"[#$] ")
    call.screen.type("tty\r")
    call.screen.wait_for(r"/dev/pts/0\r\n")
    call.screen.type("stty size\r")
    call.screen.wait_for(r"30 100\r\n")
    call.screen.type("exit 17\r")
    assert call.wait() == 17
    assert not call.is_raw()


def test_exec_tty_as_another_user_can_open_it(container: Container, on_terminal: Spawn) -> None:
    container.run_detached()
    call = on_terminal("exec", "--tty", "--user", "1000", container.id, "sh", "-c", "echo opened > $(tty)")
    call.screen.wait_for(r"opened\r+\n")  # runc's exec makes the caller's terminal raw when the program runs already
    assert call.wait() == 0


def test_a_terminal_in_the_foreground_without_one_of_the_caller_is_refused(container: Container) -> None:
    container.runtime.prefix = ["setsid"]
    container.config["process"]["terminal"] = True
    container.run("sh").refused()
    assert not container.exists()
    container.config["process"]["terminal"] = False
    container.run_detached()
    container.exec("sh", flags=("--tty",)).refused()
    container.runtime.prefix = []


def test_a_terminal_that_is_only_the_controlling_one_will_do(container: Container, on_terminal: Spawn) -> None:
    container.config["process"] |= {"terminal": True, "args": ["tty"]}
    orun = " ".join(container.runtime.command)
    path = container.runtime.directory / "said"
    script = f"{orun} run --bundle {container.bundle.write()} {container.id} </dev/null >{path} 2>&1; echo code $?"
    container.runtime.prefix = ["sh", "-c", script]
    call = on_terminal()
    container.runtime.prefix = []
    call.screen.wait_for(r"code 0")
    assert path.read_text(encoding="utf-8") == "/dev/pts/0\n"


def test_create_sends_the_terminal(container: Container, console_socket: FdSocket) -> None:
    container.config["process"]["terminal"] = True
    script = "tty; read line; echo got $line; stty size"
    container.create("sh", "-c", script, flags=("--console-socket", str(console_socket.path))).check()
    master, name = console_socket.receive()
    screen = Screen(master)
    assert os.isatty(master)
    assert name
    screen.resize(12, 34)
    container.start().check()
    screen.wait_for(r"/dev/pts/0\r\n")
    screen.type("hello\r")
    screen.wait_for(r"got hello\r\n")
    screen.wait_for(r"12 34\r\n")
    container.wait_status("stopped")
    screen.close()


def test_the_console_size_of_the_configuration_is_set(container: Container, console_socket: FdSocket) -> None:
    container.config["process"] |= {"terminal": True, "consoleSize": {"height": 50, "width": 132}}
    container.create("stty", "size", flags=("--console-socket", str(console_socket.path))).check()
    master, _ = console_socket.receive()
    screen = Screen(master)
    assert screen.size() == (50, 132)
    container.start().check()
    screen.wait_for(r"50 132\r\n")
    container.wait_status("stopped")
    screen.close()


def test_run_detached_sends_the_terminal(container: Container, console_socket: FdSocket) -> None:
    container.config["process"]["terminal"] = True
    container.run_detached(
        "sh", "-c", "read line; echo got $line", flags=("--console-socket", str(console_socket.path))
    )
    screen = Screen(console_socket.receive()[0])
    screen.type("hello\r")
    screen.wait_for(r"got hello\r\n")
    container.wait_status("stopped")
    screen.close()


def test_exec_detached_sends_the_terminal(container: Container, console_socket: FdSocket, directory: Path) -> None:
    container.run_detached()
    pid_file = directory / "pid"
    flags = ("--tty", "--detach", "--console-socket", str(console_socket.path), "--pid-file", str(pid_file))
    container.exec_sh("tty; read line; echo got $line", flags=flags).check()
    screen = Screen(console_socket.receive()[0])
    screen.wait_for(r"/dev/pts/0\r\n")
    screen.type("hello\r")
    screen.wait_for(r"got hello\r\n")
    wait_for_exit(int(pid_file.read_text()), "the end of the process")
    screen.close()


def test_a_detached_terminal_without_a_socket_is_refused(container: Container) -> None:
    container.config["process"]["terminal"] = True
    outcome = container.create()
    assert outcome.code == 1
    assert "console" in outcome.err
    assert not container.exists()


def test_a_console_socket_without_a_terminal_is_refused(container: Container, console_socket: FdSocket) -> None:
    outcome = container.create(flags=("--console-socket", str(console_socket.path)))
    assert outcome.code == 1
    assert not container.exists()


def test_a_console_socket_that_nobody_made_is_refused(container: Container, directory: Path) -> None:
    container.config["process"]["terminal"] = True
    outcome = container.create(flags=("--console-socket", str(directory / "none.sock")))
    assert outcome.code == 1
    assert not container.exists()


def test_create_sends_a_pidfd(container: Container, pidfd_socket: FdSocket) -> None:
    container.create(flags=("--pidfd-socket", str(pidfd_socket.path))).check()
    pidfd, _ = pidfd_socket.receive()
    assert not stat.S_ISSOCK(os.fstat(pidfd).st_mode)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    wait_readable(pidfd, "the end of init, whose pidfd was sent SIGKILL")
    os.close(pidfd)
