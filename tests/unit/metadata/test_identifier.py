"""Identifiers: containerd's rule, and what each refusal says."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.metadata.identifier import checked_identifier


@pytest.mark.parametrize("text", ["default", "k8s.io", "a", "A-1_b.c", "0", "a" * 76])
def test_identifiers(text: str) -> None:
    assert checked_identifier(text, place="namespace") == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "namespace: must not be empty"),
        ("a" * 77, f'namespace: "{"a" * 77}" has 77 characters; at most 76 are allowed'),
        ("a/b", "namespace: 'a/b' is no identifier"),
        ("..", "namespace: '..' is no identifier"),
        (".a", "namespace: '.a' is no identifier"),
        ("a-", "namespace: 'a-' is no identifier"),
        ("a--b", "namespace: 'a--b' is no identifier"),
        ("a\n", "namespace: 'a\\n' is no identifier"),
        ("ä", "namespace: 'ä' is no identifier"),
    ],
)
def test_refusals(text: str, told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        checked_identifier(text, place="namespace")
    assert caught.value.message == told or str(caught.value) == told
