"""Threat A: the runtime's binary is overwritten through /proc/PID/exe (CVE-2019-5736)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from .config import set_capabilities
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .container import Container

_ALL = ("CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE", "CAP_SETUID", "CAP_KILL", "CAP_SYS_ADMIN")

# Notes what the exe of every other process is, and tries to write to it: by its path, and through an fd.
_HUNTER = """
echo ready
while :; do
    for p in /proc/[0-9]*; do
        case $p in /proc/1|/proc/$$) continue;; esac
        (
            exec 9< $p/exe
            stat -L -c %d:%i /proc/self/fd/9 >> /dev/shm/seen
            printf overwritten > $p/exe
            printf overwritten > /proc/self/fd/9
        ) 2>/dev/null
    done
done
"""


@pytest.fixture(autouse=True)
def _unchanged(program: Path) -> Iterator[None]:
    before = (hashlib.sha256(program.read_bytes()).hexdigest(), program.stat().st_ino, program.stat().st_mode)
    yield
    assert (hashlib.sha256(program.read_bytes()).hexdigest(), program.stat().st_ino, program.stat().st_mode) == before


@pytest.fixture
def hunted(container: Container) -> Container:
    """A container, with more rights than a default one, that hunts for the runtime's binary."""
    set_capabilities(container.config, *_ALL)
    started = container.run_detached("sh", "-c", _HUNTER)
    wait_until(lambda: "ready" in started.out_path.read_text(), "the hunter")
    return container


def test_threat_a_an_entrypoint_of_proc_self_exe_changes_nothing(container: Container) -> None:
    set_capabilities(container.config, *_ALL)
    container.run("/proc/self/exe", "--version")


def test_threat_a_an_interpreter_of_proc_self_exe_changes_nothing(container: Container) -> None:
    set_capabilities(container.config, *_ALL)
    (container.rootfs / "script").write_text("#!/proc/self/exe\n")
    (container.rootfs / "script").chmod(0o755)
    container.run("/script")


def test_threat_a_exec_of_proc_self_exe_changes_nothing(hunted: Container) -> None:
    for _ in range(10):
        hunted.exec("/proc/self/exe", "--version")


def test_threat_a_the_binary_of_exec_cannot_be_written(hunted: Container) -> None:
    for _ in range(15):
        hunted.exec("true").check()


def test_threat_a_the_exe_seen_inside_is_not_the_file_of_the_host(hunted: Container, program: Path) -> None:
    for _ in range(15):
        hunted.exec("true").check()
    seen = hunted.exec_sh("cat /dev/shm/seen; true").check().out.split()
    status = program.stat()
    assert f"{status.st_dev}:{status.st_ino}" not in seen


def test_threat_a_the_exe_of_a_created_init_cannot_be_written(container: Container) -> None:
    set_capabilities(container.config, *_ALL)
    container.create().check()
    script = "printf overwritten > /proc/1/exe; exec 9< /proc/1/exe && printf overwritten > /proc/self/fd/9"
    container.exec_sh(script)
    container.start().check()
