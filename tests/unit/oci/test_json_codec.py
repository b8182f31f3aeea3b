"""The JSON codec against the json package, and its errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.oci import json_codec
from orlop.oci.json_codec import decode, encode

DOCUMENTS: list[Any] = [
    {},
    [],
    "",
    0,
    None,
    {"a": [1, -2, 2.5, True, False, None, {}, [], [[]]], "b": {"c": {"d": "e"}}},
    {"text": 'quote " backslash \\ tab \t newline \n control \x01 DEL \x7f é 😀 \u2028'},
    {"": {"é": 1 << 70}},
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=repr)
@pytest.mark.parametrize("indent", [None, 2, 4])
def test_encoding_is_that_of_the_json_package(document: Any, indent: int | None) -> None:
    separators = (",", ":") if indent is None else (",", ": ")
    assert encode(document, indent) == json.dumps(document, indent=indent, separators=separators)


@pytest.mark.parametrize("document", DOCUMENTS, ids=repr)
def test_what_was_encoded_decodes_to_the_same(document: Any) -> None:
    assert decode(encode(document).encode(), "x") == document
    assert decode(f" \n{encode(document, 2)}\t\r\n", "x") == document


def test_keys_keep_their_order_and_the_last_of_equal_ones_counts() -> None:
    assert list(decode('{"b": 1, "a": 2, "b": 3}', "x").items()) == [("b", 3), ("a", 2)]


def test_a_path_that_is_not_utf8_can_be_encoded() -> None:
    assert encode(os.fsdecode(b"/x\xff")) == '"/x\\udcff"'


def test_a_tuple_is_an_array() -> None:
    assert encode((1, ("a",))) == '[1,["a"]]'
    assert encode({"a": (1,)}, 2) == '{\n  "a": [\n    1\n  ]\n}'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "config.json: line 1 column 1: a value is missing"),
        (b"  \n ", "config.json: line 2 column 2: a value is missing"),
        (b'{"a":}', "config.json: line 1 column 6: a value is missing"),
        (b'{\n\n  "a": "\\x"\n}', "config.json: line 3 column 9: invalid \\escape"),
        (b'{"a" 1}', "config.json: line 1 column 6: expecting ':' delimiter"),
        (b'["a\nb"]', "config.json: line 1 column 4: invalid control character"),
        (b"{} \n x", "config.json: line 2 column 2: something follows the document"),
        (b"[1] [2]", "config.json: line 1 column 5: something follows the document"),
        (b"\xef\xbb\xbf{}", "config.json: line 1 column 1: a value is missing"),
        (b'{"a":"\xff"}', "config.json: byte 6 is not UTF-8"),
        (b"[NaN]", "config.json: NaN is not a JSON number"),
        (b"[Infinity]", "config.json: Infinity is not a JSON number"),
        (b"[-Infinity]", "config.json: -Infinity is not a JSON number"),
        (b"[1e999]", "config.json: 1e999 is too large"),
        (b"[" + b"1" * 5000 + b"]", "config.json: a number has too many digits"),
        (b"[" * 200_000, "config.json: nested too deeply"),
        (b'{"a":' * 200_000, "config.json: nested too deeply"),
        (b'{"a": ["\\ud800"]}', "config.json: \\ud800 is half a character"),
        (b'{"\\uDC00x": 1}', "config.json: \\udc00 is half a character"),
    ],
    ids=range(19),
)
def test_what_is_no_json_is_refused_and_placed(data: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decode(data, "config.json")
    assert caught.value.message == message
    assert caught.value.hint


def test_both_halves_of_a_character_are_one() -> None:
    assert decode('"\\ud83d\\ude00"', "x") == "😀"


def test_a_document_of_more_than_16_mib_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_codec, "DOCUMENT_MAX_BYTES", 10)
    assert decode(b'"12345678"', "x") == "12345678"
    with pytest.raises(InvalidArgument, match=r"^x: 11 bytes are more than 16 MiB; make it smaller$"):
        decode(b'"123456789"', "x")


@pytest.mark.parametrize("indent", [None, 2])
def test_a_value_nested_too_deeply_is_not_encoded(indent: int | None) -> None:
    value: list[Any] = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(InvalidArgument, match=r"^the JSON document is nested too deeply; make it flatter$"):
        encode(value, indent)
    while value:  # unwound by hand: deallocation recurses too
        value = value[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_json_has_no_number_for_is_not_encoded(value: Any, indent: int | None) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(value, indent)


@pytest.mark.parametrize("indent", [None, 2])
def test_what_has_no_json_form_is_not_encoded(indent: int | None) -> None:
    with pytest.raises(TypeError, match=r"^bytes has no JSON form$"):
        encode([b""], indent)


def test_the_first_syntax_error_of_a_process_is_placed_too() -> None:
    """Python 3.11 has no exception to raise before json.decoder is loaded."""
    source = Path(json_codec.__file__).parents[2]
    code = (
        f"import sys; sys.path.insert(0, {str(source)!r})\n"
        "from orlop.oci.json_codec import decode, encode\n"
        'assert decode(encode({"a": [1]}, 2), "x") == {"a": [1]}\n'
        'assert "json" not in sys.modules and "re" not in sys.modules\n'
        "try:\n    decode(b'{\"a\" 1}', 'x')\nexcept Exception as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "x: line 1 column 6: expecting ':' delimiter; it must be a JSON document\n"
