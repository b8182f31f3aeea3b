"""Owners through an id map."""

from __future__ import annotations

import pytest

from orlop.archive.contract import IdRange
from orlop.archive.ownership import IdMap
from orlop.errors import InvalidArgument


def test_without_ranges_ids_are_their_own() -> None:
    assert IdMap((), "uid")[4_000_000_000] == 4_000_000_000


def test_ranges() -> None:
    ids = IdMap([IdRange(0, 1000, 1), IdRange(1, 100_000, 65_535)], "uid")
    assert [ids[0], ids[1], ids[65_535], ids[0]] == [1000, 100_000, 165_534, 1000]


def test_an_id_without_range_is_an_error() -> None:
    ids = IdMap([IdRange(0, 1000, 1)], "gid")
    with pytest.raises(InvalidArgument, match="gid: 1 is not mapped; add it to the ranges of gids"):
        ids[1]


def test_what_is_remembered_is_bounded() -> None:
    ids = IdMap([IdRange(0, 0, 1 << 20)], "uid")
    assert [ids[n] for n in range(10_000)] == list(range(10_000))
    assert len(ids._known) == 4096
