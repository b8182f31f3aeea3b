"""Every operation is explained."""

from __future__ import annotations

from orlop.insight.operation_words import OPERATION_WORDS
from orlop.plan.operations import CODE


def test_every_operation_is_explained_and_nothing_else() -> None:
    assert set(OPERATION_WORDS) == set(CODE)


def test_an_explanation_is_one_or_two_sentences() -> None:
    for name, words in OPERATION_WORDS.items():
        assert words.endswith("."), name
        assert 15 <= len(words) <= 120, name


def test_no_explanation_serves_two_operations() -> None:
    assert len(set(OPERATION_WORDS.values())) == len(OPERATION_WORDS)
