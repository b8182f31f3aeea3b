"""Strict JSON: what two readers could understand differently is no document of an image."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.oci.image_json import DEPTH_MAX, decode_object, refuse_other_case


def _decode(data: bytes, *, max_bytes: int = 1000) -> dict[str, object]:
    return decode_object(data, place="manifest", max_bytes=max_bytes)


def test_an_object_is_decoded() -> None:
    data = '{"a": [1, {"b": null}], "é": "\\ud83d\\udc33", "f": 0.5}'.encode()
    assert _decode(data) == {"a": [1, {"b": None}], "é": "\U0001f433", "f": 0.5}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1 column 1: expecting value; it must be a JSON document"),
        (b"{'a': 1}", "line 1 column 2: expecting property name enclosed in double quotes"),
        (b'{"a": 1} x', "line 1 column 10: extra data"),
        (b"[]", "must be an object"),
        (b'"text"', "must be an object"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number has too many digits"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8; JSON is UTF-8"),
        (b'{"a": "\\ud83d"}', "\\\\ud83d is half a character"),
        (b'{"\\udc33": 1}', "\\\\udc33 is half a character"),
        (b'\xef\xbb\xbf{"a": 1}', "unexpected UTF-8 BOM"),
    ],
)
def test_what_is_no_document_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        _decode(data, max_bytes=10_000)
    assert str(caught.value).startswith("manifest: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b'{"layers": [], "layers": []}', b'{"a": {"b": 1, "c": 2, "b": 3}}', b'{"a": 1, "\\u0061": 2}']
)
def test_threat_p_a_key_that_is_there_twice_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r'manifest: ".*" is there twice in one object'):
        _decode(data)


def test_the_same_key_in_two_objects_is_fine() -> None:
    assert _decode(b'{"a": {"a": 1}, "b": {"a": 2}}') == {"a": {"a": 1}, "b": {"a": 2}}


def test_threat_i_a_document_is_bounded_in_size() -> None:
    assert _decode(b'{"a":1}', max_bytes=7) == {"a": 1}
    with pytest.raises(InvalidArgument, match=r"^manifest: 8 bytes are more than the 7 that are read$"):
        _decode(b'{"a":1} ', max_bytes=7)


@pytest.mark.parametrize(
    "nested", [b'{"a":' * DEPTH_MAX + b"{}" + b"}" * DEPTH_MAX, b'{"a":' + b"[" * 63 + b"]" * 63 + b"}"]
)
def test_the_deepest_document_is_read(nested: bytes) -> None:
    assert _decode(nested, max_bytes=len(nested))


@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 100_000])
def test_threat_i_a_document_is_bounded_in_depth(depth: int) -> None:
    data = b'{"a":' * depth + b"{}" + b"}" * depth
    with pytest.raises(InvalidArgument, match=r"^manifest: nested (more than 64 deep|too deeply)"):
        _decode(data, max_bytes=len(data))


def test_threat_p_a_key_in_another_case_is_refused() -> None:
    refuse_other_case({"layers": [], "x": 1, "com.Example": 2}, ["layers", "config"], place="manifest")
    with pytest.raises(
        InvalidArgument, match=r'^manifest: "LAYERS" is not "layers", but some readers take it for that'
    ):
        refuse_other_case({"layers": [], "LAYERS": []}, ["layers"], place="manifest")
