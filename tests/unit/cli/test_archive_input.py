"""Where archives are read from."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from orlop.cli.archive_input import opened
from orlop.errors import InvalidArgument


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with opened(tmp_path / "a", place="file") as read:
        assert (read(2), read(2), read(2)) == (b"ab", b"c", b"")


@pytest.mark.parametrize("path", [None, Path("-")])
def test_stdin(path: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"abc"))))
    with opened(path, place="file") as read:
        assert read(10) == b"abc"


def test_a_terminal_is_no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", terminal)
    with pytest.raises(InvalidArgument, match=r"^--input: an archive is not read from a terminal; name a file$"):  # noqa: SIM117
        with opened(None, place="--input"):
            pass


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"^file: cannot open .*none: No such file or directory$"):  # noqa: SIM117
        with opened(tmp_path / "none", place="file"):
            pass
