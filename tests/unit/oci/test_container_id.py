"""Container ids."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.container_id import ContainerId, parse_container_id


@pytest.mark.parametrize("text", ["a", "web-1", "_x", "+", "-a", "A.b_c+d-e", "0" * 64, "x" * 200, "a.."])
def test_a_valid_id_is_itself(text: str) -> None:
    container_id = parse_container_id(text)
    assert container_id == text
    assert type(container_id) is ContainerId


@pytest.mark.parametrize("text", [".", "..", ".a", "../x", "a/b", "a b", "a\nb", "é", "a\0", "~", "a:b", "\u0661"])
def test_threat_m_an_id_is_a_plain_file_name(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_container_id(text)
    shown = {"a\nb": "a\\nb", "a\0": "a\\x00"}.get(text, text)
    assert str(caught.value) == (f'container id: "{shown}" is not valid; use letters, digits, _ + - and . (not first)')


def test_an_empty_id_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"^container id: it is empty; give a name$"):
        parse_container_id("")


def test_an_id_is_a_file_name_with_room_around_it() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_container_id("x" * 201)
    assert str(caught.value) == f'container id: "{"x" * 60}..." has 201 characters; use 200 at most'
