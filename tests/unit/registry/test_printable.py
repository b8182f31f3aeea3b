"""Texts of others in lines of ours."""

from __future__ import annotations

from yarl import URL

from orlop.registry.printable import printable, printable_url


def test_control_and_format_characters_are_escaped() -> None:
    assert printable("a\x1b[31m\n\r\u202e\x9bz") == r"a\x1b[31m\n\r\u202e\x9bz"
    assert printable("schön 日本") == "schön 日本"


def test_long_texts_are_cut() -> None:
    assert printable("x" * 20, limit=10) == "x" * 10 + "..."
    assert printable("x" * 10, limit=10) == "x" * 10


def test_urls_lose_what_may_be_secret() -> None:
    url = URL("https://user:secret@cdn.example:8443/blob/a?X-Signature=secret&token=secret#secret")
    assert printable_url(url) == "https://cdn.example:8443/blob/a"
    assert printable_url(URL("/path?token=secret")) == "/path"
