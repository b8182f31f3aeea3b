"""The log file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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


def test_debug_only_when_asked(tmp_path: Path) -> None:
    Log(str(tmp_path / "log"), is_json=False, is_debug=False).write("debug", "x")
    assert not (tmp_path / "log").exists()
    Log(str(tmp_path / "log"), is_json=False, is_debug=True).write("debug", "x")
    assert "level=debug" in (tmp_path / "log").read_text(encoding="utf-8")


def test_without_a_file_nothing_happens() -> None:
    Log(None, is_json=False, is_debug=True).write("error", "x")
