"""Scopes of tokens."""

from __future__ import annotations

from orlop.registry.scope import format_scopes, parse_scopes, repository_scope


def test_scopes_are_written_one_text_per_resource() -> None:
    scopes = repository_scope("b", "push", "pull") | repository_scope("a", "pull")
    assert format_scopes(scopes) == ["repository:a:pull", "repository:b:pull,push"]


def test_scopes_of_challenges() -> None:
    found = parse_scopes("repository:host:5000/a:pull,push registry:catalog:*  nonsense")
    assert found == {
        ("repository:host:5000/a", "pull"),
        ("repository:host:5000/a", "push"),
        ("registry:catalog", "*"),
    }
    assert parse_scopes("") == frozenset()
    assert parse_scopes("repository:a:pull") == repository_scope("a", "pull")
