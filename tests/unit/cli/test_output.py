"""What commands print."""

from __future__ import annotations

import pytest

from orlop.cli.output import age_text, printable, size_text, time_text, with_digest, write_json, write_table
from orlop.oci.digest import Digest


def test_json_is_a_document_and_a_line_end(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"a": ["\u00fc"]})
    assert capsys.readouterr().out == '{\n  "a": [\n    "\u00fc"\n  ]\n}\n'


def test_a_name_by_digest_says_it_once() -> None:
    digest = Digest.of(b"x")
    assert with_digest("r.example/a:1", digest) == f"r.example/a:1@{digest}"
    assert with_digest(f"r.example/a@{digest}", digest) == f"r.example/a@{digest}"


def test_columns_are_as_wide_as_they_must_be(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("A", "SIZE", "LAST"), [("long", "1", "x"), ("b", "22", "")], right=frozenset({1}))
    assert capsys.readouterr().out == "A     SIZE  LAST\nlong     1  x\nb       22\n"


def test_a_text_of_an_image_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("A",), [("\x1b[2Jx\r\n",)])
    assert capsys.readouterr().out == "A\n\\x1b[2Jx\\r\\n\n"
    assert printable("\u202eabc") == "\\u202eabc"
    assert printable("caf\u00e9 \u65e5") == "caf\u00e9 \u65e5"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (4300, "4.2 KiB"),
        (123 << 10, "123 KiB"),
        (1 << 30, "1 GiB"),
        (5 << 50, "5120 TiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (0, "just now"),
        (1, "1 second ago"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86400 * 3, "3 days ago"),
        (-5, "just now"),
    ],
)
def test_ages(age: int, text: str) -> None:
    assert age_text(1000.0, now=1000.0 + age) == text


def test_times_are_utc() -> None:
    assert time_text(0) == "1970-01-01T00:00:00Z"
