"""Labels: limits, changes, and the form in a row."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.metadata.labels import changed_labels, checked_labels, decoded_labels, encoded_labels


def test_a_change_sets_and_removes_and_leaves_the_rest() -> None:
    assert changed_labels({"a": "1", "b": "2", "c": "3"}, {"a": "9", "b": None, "d": "4"}) == {
        "a": "9",
        "c": "3",
        "d": "4",
    }


def test_checked_labels_are_a_copy() -> None:
    labels = {"a": "1"}
    assert checked_labels(labels) == labels
    assert checked_labels(labels) is not labels
    assert checked_labels(None) == {}


def test_limits_count_bytes() -> None:
    assert checked_labels({"k": "v" * 4095}) == {"k": "v" * 4095}
    with pytest.raises(InvalidArgument, match=r'^labels\["k"\]: key and value are longer than 4096 bytes'):
        checked_labels({"k": "ä" * 2048})
    with pytest.raises(InvalidArgument, match=r"^labels: a key is empty; give it a name$"):
        changed_labels({}, {"": "v"})


def test_a_row_gives_back_what_was_put_in() -> None:
    for labels in ({}, {"ä": '"\n'}, {"b": "", "a": "x"}):
        assert decoded_labels(encoded_labels(labels)) == labels
