"""`orlop` from its command line to its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop import __version__
from orlop.cli import main as main_module

if TYPE_CHECKING:
    from .conftest import Orlop

_SOURCES = str(Path(main_module.__file__).resolve().parents[2])
PROGRAM = [sys.executable, "-c", "import sys; from orlop.cli.main import main; sys.exit(main())"]


def environment() -> dict[str, str]:
    """The test's, in which `PROGRAM` finds the sources."""
    return {**os.environ, "PYTHONPATH": _SOURCES}


def _run(*words: str, stdout: int = subprocess.PIPE, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words],
        env=environment() | variables,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )


def test_help_and_version_go_to_stdout(orlop: Orlop) -> None:
    assert orlop.bare("--version").out == f"orlop version {__version__}\n"
    assert orlop.bare("--help").out.startswith("usage: orlop [OPTIONS] COMMAND")
    assert orlop.bare("pull", "--help").out == orlop.bare("help", "pull").out == orlop.bare("help", "image", "pull").out
    assert orlop.bare("help").out == orlop.bare("-h").out


def test_without_a_command_it_fails_and_helps_on_stderr(orlop: Orlop) -> None:
    done = orlop.bare()
    assert (done.code, done.out, done.err) == (1, "", orlop.bare("--help").out)


def test_the_beginning_of_commands_lists_them(orlop: Orlop) -> None:
    asked, typed = orlop.bare("image", "--help"), orlop.bare("image")
    assert (asked.code, asked.err) == (0, "")
    assert (typed.code, typed.out, typed.err) == (1, "", asked.out)
    assert "image inspect" in asked.out
    assert "store check" not in asked.out
    assert orlop.bare("help", "image").out == ""


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("imge pull x", '"imge" is not a command; did you mean `orlop image pull`'),
        ("image pul x", '"image pul" is not a command; did you mean `orlop image pull`'),
        ("help nothing", '"nothing" is not a command; see `orlop --help`'),
        ("--colour images", "unrecognized arguments: --colour; see `orlop --help`"),
        ("images --colour", "image ls: unrecognized arguments: --colour; see `orlop image ls --help`"),
        ("images --root /x", "image ls: unrecognized arguments: --root; --root stands before the command"),
        ("--log-level loud images", '--log-level: "loud" is none of debug, info, warning, error'),
        ("--snapshotter btrfs images", '--snapshotter: "btrfs" is none of auto, erofs, overlayfs, native'),
        ("-n a/b images", None),
        ("--config /nonexistent images", "--config: /nonexistent does not exist"),
        ("pull Capital", 'image: "Capital": "library/Capital" has capital letters; repository names are lowercase'),
    ],
)
def test_a_wrong_command_line_is_one_line(orlop: Orlop, words: str, error: str | None) -> None:
    told = orlop.error(*words.split())
    assert error is None or told == error


def test_json_may_be_asked_for_before_and_behind_the_command(orlop: Orlop) -> None:
    assert orlop("--format", "json", "images").json == orlop("images", "--format", "json").json == []
    assert orlop("--format", "json", "images", "--format", "table").out.startswith("NAME")


def test_an_error_of_the_system_is_one_line_too(orlop: Orlop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = orlop.error("bundle", "nothing", str(tmp_path / "file" / "b"))
    assert line == f"{tmp_path}/file/b: ENOTDIR (Not a directory); a part of the path is no directory"


def test_a_name_cannot_break_the_line(orlop: Orlop) -> None:
    assert "\\n" in orlop.error("images", "a\nb")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_error(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        for words in (["--help"], ["--version"], ["config"], ["pull", "--help"]):
            done = _run(*words, stdout=writer, PYTHONUNBUFFERED=unbuffered)
            assert (done.returncode, done.stderr) == (141, "")
    finally:
        os.close(writer)


def test_a_full_disk_behind_stdout_is_told() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = _run("config", stdout=full)
    finally:
        os.close(full)
    assert done.returncode == 1
    assert done.stderr.startswith("orlop: ENOSPC (No space left on device)")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("closed", "code", "told"),
    [
        (">&-", 1, "orlop: EBADF (Bad file descriptor)"),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
        ("<&- 2>&-", 0, ""),
    ],
)
def test_a_stream_that_the_caller_closed_is_no_other_file(orlop: Orlop, closed: str, code: int, told: str) -> None:
    orlop.put("docker.io/library/a:1")
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *PROGRAM, *orlop.options, "images", "-q"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr.partition(";")[0].rstrip()) == (code, told)
    assert done.stdout == ("" if code else "docker.io/library/a:1\n")
    assert orlop.out("images", "-q") == "docker.io/library/a:1\n"


def test_a_user_who_is_not_root_is_told_what_to_do(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    orlop.root.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: orlop.root.stat().st_uid + 1)
    line = orlop.error("images")
    assert line.startswith(f"{orlop.root}: belongs to user")
    assert line.endswith("; run orlop as root, or give it a --root and a --state of your own")


def test_an_interrupt_is_130(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "_run", interrupted)
    assert (orlop.bare("x").code, orlop.bare("x").err) == (130, "orlop: interrupted\n")
