"""A container in the foreground of asyncio: what comes back. Ends of all kinds are in test_unpack_process.py."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from orlop.archive.orun_container import Ended, delete_container, run_container


def _bundle(directory: Path, script: str) -> Path:
    (directory / "root").mkdir()
    config = {
        "ociVersion": "1.2.1",
        "process": {"user": {"uid": 0, "gid": 0}, "args": ["/busybox", "sh", "-c", script], "cwd": "/"},
        "root": {"path": "root", "readonly": True},
        "mounts": [{"destination": "/busybox", "type": "bind", "source": "/bin/busybox", "options": ["bind", "ro"]}],
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]},
    }
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return directory


def _run(program: Path, directory: Path, script: str, stdin: bytes = b"") -> tuple[Ended, int]:
    """How the container ended, and how often it was told that it has its stdin."""
    starts: list[bool] = []
    read_fd, write_fd = os.pipe()
    os.write(write_fd, stdin)
    os.close(write_fd)
    try:
        ended = asyncio.run(
            run_container(
                program,
                directory / "state",
                _bundle(directory, script),
                f"test-{os.getpid()}",
                read_fd,
                on_start=lambda: starts.append(True),
            )
        )
    finally:
        os.close(read_fd)
    return ended, len(starts)


@pytest.mark.needs_root
def test_input_output_and_status_go_through(program: Path, tmp_path: Path) -> None:
    ended, starts = _run(program, tmp_path, "read line; echo got $line; echo bad >&2; exit 7", b"this\n")
    assert ended == Ended(7, b"got this\n", b"bad\n")
    assert starts == 1
    assert [one.name for one in (tmp_path / "state").iterdir() if one.name.startswith("test-")] == []


@pytest.mark.needs_root
def test_a_signal_is_128_and_its_number(program: Path, tmp_path: Path) -> None:
    assert _run(program, tmp_path, "ulimit -t 1; while :; do :; done")[0].status in (128 + 24, 128 + 9)


@pytest.mark.needs_root
def test_the_last_of_a_long_stderr_is_kept(program: Path, tmp_path: Path) -> None:
    ended, _ = _run(program, tmp_path, "i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done")
    assert len(ended.errors) == 64 << 10
    assert ended.errors.endswith(b"line 19998\nline 19999\n")


@pytest.mark.needs_root
def test_what_orun_refuses_is_told_on_stderr(program: Path, tmp_path: Path) -> None:
    bundle = _bundle(tmp_path, "")
    (bundle / "config.json").write_text("{")
    with Path("/dev/null").open("rb") as null:
        ended = asyncio.run(
            run_container(program, tmp_path / "state", bundle, "test-bad", null.fileno(), on_start=lambda: None)
        )
    assert ended.status == 1
    assert b"config.json" in ended.errors


def test_a_program_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), Path("/dev/null").open("rb") as null:
        asyncio.run(run_container(tmp_path / "none", tmp_path, tmp_path, "test", null.fileno(), on_start=lambda: None))


@pytest.mark.needs_root
def test_to_delete_what_is_not_there_is_fine(program: Path, tmp_path: Path) -> None:
    asyncio.run(delete_container(program, tmp_path / "state", "test-none"))
