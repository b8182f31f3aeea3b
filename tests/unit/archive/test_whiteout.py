"""Names that mean that something is gone."""

from __future__ import annotations

import pytest

from orlop.archive.whiteout import Whiteout, parse_whiteout
from orlop.errors import InvalidArgument


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (b"a/b", None),
        (b"a/x.wh.b", None),
        (b".wh.b", (Whiteout.REMOVE, b"b")),
        (b"a/.wh.b", (Whiteout.REMOVE, b"b")),
        (b"a/.wh...b", (Whiteout.REMOVE, b"..b")),
        (b"a/.wh.....", (Whiteout.REMOVE, b"....")),
        (b"a/.wh..wh..opq", (Whiteout.OPAQUE, b"")),
        (b".wh..wh..opq", (Whiteout.OPAQUE, b"")),
        (b".wh..wh.aufs", (Whiteout.IGNORED, b"")),
        (b".wh..wh.plnk/12.34", (Whiteout.IGNORED, b"")),
        (b".wh..wh.orph/.wh.a", (Whiteout.IGNORED, b"")),
    ],
)
def test_names(path: bytes, wanted: object) -> None:
    assert parse_whiteout(path) == wanted


@pytest.mark.parametrize("path", [b".wh.", b"a/.wh..", b"a/.wh...", b".wh.a/b", b".wh.a/.wh.b", b".wh..wh..opq/a"])
def test_names_that_mean_nothing(path: bytes) -> None:
    with pytest.raises(InvalidArgument, match="whiteout: "):
        parse_whiteout(path)
