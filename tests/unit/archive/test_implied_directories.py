"""Which directories only lower layers describe, whatever an archive does to them."""

from __future__ import annotations

import pytest

from orlop.archive.implied_directories import DELETING_BYTES, IMPLIED_BYTES, ImpliedDirectories
from orlop.errors import InvalidArgument


def test_the_root_is_one_until_an_entry_describes_it() -> None:
    implied = ImpliedDirectories(10)
    implied.made(b"a")
    assert implied.paths() == [b"", b"a"]
    implied.described(b"")
    implied.described(b"never made")
    assert implied.paths() == [b"a"]


def test_what_is_gone_is_none_with_all_that_was_in_it() -> None:
    implied = ImpliedDirectories(10)
    for path in (b"a", b"a/b", b"ab", b"c"):
        implied.made(path)
    implied.gone(b"a")
    assert implied.paths() == [b"", b"ab", b"c"]


def test_what_is_made_again_is_one_again() -> None:
    implied = ImpliedDirectories(10)
    for path in (b"a", b"a/b"):
        implied.made(path)
    implied.gone(b"a")
    implied.made(b"a")
    assert implied.paths() == [b"", b"a"]


def test_what_is_made_where_lower_layers_are_hidden_is_none() -> None:
    implied = ImpliedDirectories(10)
    implied.made(b"a")
    implied.hides(b"a")
    implied.made(b"a/b")
    implied.made(b"ab")
    assert implied.paths() == [b"", b"a", b"ab"]


def test_many_that_go_are_not_remembered_for_ever() -> None:
    implied = ImpliedDirectories(10)
    for number in range(5000):
        implied.gone(b"a%d" % number)
    assert len(implied._gone) <= 1001
    for number in range(2000):
        implied.gone(b"x" * 4000 + b"%d" % number)
    assert sum(map(len, implied._gone)) <= 5 << 20
    assert implied.paths() == [b""]


def test_there_may_not_be_too_many() -> None:
    implied = ImpliedDirectories(2)
    implied.made(b"a")
    implied.made(b"b")
    with pytest.raises(InvalidArgument, match="too many directories have no entry of their own"):
        implied.made(b"c")
    with pytest.raises(InvalidArgument, match="too many directories have no entry of their own"):
        ImpliedDirectories(2).made(bytes(IMPLIED_BYTES + 1))


def test_what_was_one_is_told_too() -> None:
    implied = ImpliedDirectories(10)
    for path in (b"a", b"a/b", b"c", b"d"):
        implied.made(path)
    implied.described(b"c")
    implied.described(b"c")
    implied.described(b"")
    implied.gone(b"a")
    assert implied.passed() == [b"c", b"a", b"a/b"]
    assert implied.paths() == [b"d"]


def test_directories_with_deletions_are_told_once_and_not_without_end() -> None:
    implied = ImpliedDirectories(10)
    for _ in range(DELETING_BYTES):
        implied.deletes_in(b"a")
    assert implied.deleting() == [b"a"]
    with pytest.raises(InvalidArgument, match="whiteout: there are deletions in too many directories"):
        implied.deletes_in(bytes(DELETING_BYTES))
