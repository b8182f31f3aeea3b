"""The log file."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from orlop.runtime.log import Log

if TYPE_CHECKING:
    from pathlib import Path


def test_json_lines_are_logrus_like(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), is_json=True, is_debug=False)
    log.write("error", 'a "quoted"\nline')
    log.write("warning", "b")
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert [(one["level"], one["msg"]) for one in records] == [("error", 'a "quoted"\nline'), ("warning", "b")]
    assert records[0]["time"].endswith("Z")


def test_text_lines_cannot_be_forged(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), is_json=False, is_debug=False)
    log.write("error", 'a\nlevel=info msg="x"')
    (line,) = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert line.endswith('level=error msg="a\\nlevel=info msg=\\"x\\""')


def test_it_is_known_whether_there_is_a_file(tmp_path: Path) -> None:
    assert Log(str(tmp_path / "log"), is_json=False, is_debug=False).has_file
    assert not Log(None, is_json=False, is_debug=False).has_file


def test_debug_only_when_asked(tmp_path: Path) -> None:
    Log(str(tmp_path / "log"), is_json=False, is_debug=False).write("debug", "x")
    assert (tmp_path / "log").read_text(encoding="utf-8") == ""
    Log(str(tmp_path / "log"), is_json=False, is_debug=True).write("debug", "x")
    assert "level=debug" in (tmp_path / "log").read_text(encoding="utf-8")


def test_without_a_file_nothing_happens() -> None:
    Log(None, is_json=False, is_debug=True).write("error", "x")


def test_a_text_line_is_that_of_logrus() -> None:
    line = Log(None, is_json=False, is_debug=False).line("warning", 'a "b" \\c')
    assert re.fullmatch(r'time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=warning msg="a \\"b\\" \\\\c"\n', line)


def test_a_json_line_is_that_of_logrus() -> None:
    line = Log(None, is_json=True, is_debug=False).line("error", "ü\n")
    assert list(json.loads(line)) == ["level", "msg", "time"]
    assert line.count("\n") == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", json.loads(line)["time"])


@pytest.mark.parametrize("is_json", [True, False])
def test_lines_are_appended_to_what_is_there(tmp_path: Path, is_json: bool) -> None:
    path = tmp_path / "log"
    path.write_text("before\n", encoding="ascii")
    for message in ("one", "two"):
        Log(str(path), is_json=is_json, is_debug=False).write("error", message)
    lines = path.read_text("ascii").splitlines()
    assert [len(lines), lines[0], "one" in lines[1], "two" in lines[2]] == [3, "before", True, True]


def test_a_new_file_may_be_read_by_others_and_written_by_its_owner(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Log(str(tmp_path / "log"), is_json=False, is_debug=False).write("error", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o644


def test_a_message_that_is_not_utf_8_is_written_all_the_same(tmp_path: Path) -> None:
    Log(str(tmp_path / "log"), is_json=False, is_debug=False).write("error", "a\udcffb")
    assert 'msg="a\\udcffb"' in (tmp_path / "log").read_text("ascii")


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Log(str(tmp_path / "none" / "log"))


def test_a_log_that_is_closed_keeps_nothing(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.close()
    log.close()
    log.write("error", "x")
    assert not log.has_file
    assert (tmp_path / "log").read_text(encoding="utf-8") == ""
