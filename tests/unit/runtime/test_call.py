"""A request: its paths and its state root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument, NotFound
from orlop.runtime.call import Answer, Call
from orlop.runtime.command_line import GLOBAL_FLAGS, parse_flags
from orlop.runtime.log import Log
from orlop.runtime.protocol import Hello

if TYPE_CHECKING:
    from pathlib import Path

    from .fake_executor import ExecutorEnd


def _call(executor: ExecutorEnd, *words: str, cwd: str = "/here") -> Call:
    options, arguments = parse_flags(GLOBAL_FLAGS, list(words), "")
    return Call(
        connection=executor.connection,
        hello=Hello(["orun"], {}, cwd, umask=0o022, pid=1),
        log=Log(None, is_json=False, is_debug=False),
        global_options=options,
        options=options,
        arguments=arguments,
    )


def test_a_phase_concerns_nobody_without_a_trace(executor: ExecutorEnd) -> None:
    _call(executor).phase("parse")
    assert executor.frames() == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        ("/a/b", "/a/b"),
        ("b", "/here/b"),
        ("./b", "/here/b"),
        ("../b", "/here/../b"),
        ("/a//", "/a"),
        ("/", "/"),
        ("a b/ü", "/here/a b/ü"),
    ],
)
def test_a_path_becomes_absolute(executor: ExecutorEnd, text: str, path: str) -> None:
    assert _call(executor).path(text) == path


@pytest.mark.parametrize("text", ["a\nb", "/\x1b[2J", "\x01"])
def test_a_path_with_a_control_character_is_refused(executor: ExecutorEnd, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        _call(executor).path(text)
    assert str(caught.value) == f"{text!r}: a path with a control character; rename it"


@pytest.mark.parametrize(
    ("words", "path"), [([], "/run/orun"), (["--root", "/state/"], "/state"), (["--root=state"], "/here/state")]
)
def test_the_state_root_is_that_of_the_flag(executor: ExecutorEnd, words: list[str], path: str) -> None:
    assert _call(executor, *words).state_root().path == path


def test_an_answer_prints_nothing_and_succeeds_unless_told_otherwise() -> None:
    assert (Answer().stdout, Answer().code) == ("", 0)
    assert (Answer("x", 3).stdout, Answer("x", 3).code) == ("x", 3)


def test_a_file_of_a_flag_is_read_to_its_limit(executor: ExecutorEnd, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abcdef")
    call = _call(executor)
    assert call.read("x", f"{tmp_path}/f", max_bytes=10, hint="h") == b"abcdef"
    assert call.read("x", f"{tmp_path}/f", max_bytes=3, hint="h") == b"abcd"


def test_a_file_of_a_flag_that_cannot_be_read_names_the_flag(executor: ExecutorEnd, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as missing:
        _call(executor).read("x", f"{tmp_path}/f", max_bytes=1, hint="give one")
    assert str(missing.value) == f"--x: {tmp_path}/f does not exist; give one"
    with pytest.raises(InvalidArgument) as directory:
        _call(executor).read("x", str(tmp_path), max_bytes=1, hint="give one")
    assert str(directory.value) == f"--x: read {tmp_path}: EISDIR (Is a directory); give one"
