"""WWW-Authenticate in all its forms."""

from __future__ import annotations

import pytest

from orlop.registry.challenge import Challenge, parse_challenges

BEARER = Challenge(
    "bearer", {"realm": "https://auth.example/token", "service": "registry", "scope": "repository:a:pull,push"}
)


def test_the_challenge_of_a_registry() -> None:
    header = 'Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull,push"'
    assert parse_challenges([header]) == [BEARER]


def test_several_challenges_in_one_header_and_in_several() -> None:
    bearer = 'bearer Realm="https://auth.example/token" , service=registry, scope="repository:a:pull,push"'
    basic = Challenge("basic", {"realm": "x, y"})
    assert parse_challenges([f'Basic realm="x, y", {bearer}']) == [basic, BEARER]
    assert parse_challenges(['Basic realm="x, y"', bearer]) == [basic, BEARER]
    negotiate = Challenge("negotiate", {})
    assert parse_challenges([f'Negotiate, NTLM, {bearer}, Basic realm="x, y"']) == [
        negotiate,
        Challenge("ntlm", {}),
        BEARER,
        basic,
    ]


def test_a_token68_is_no_parameter() -> None:
    assert parse_challenges(['Negotiate YII/abc+==, Basic realm="r"']) == [
        Challenge("negotiate", {}),
        Challenge("basic", {"realm": "r"}),
    ]


def test_quotes_may_hold_quotes() -> None:
    assert parse_challenges([r'Basic realm="a \"b\" \\ c"']) == [Challenge("basic", {"realm": r'a "b" \ c'})]


def test_values_without_their_quotes_are_understood() -> None:
    (found,) = parse_challenges(["Bearer realm=https://auth.example/token,service=a:5000"])
    assert found.parameters == {"realm": "https://auth.example/token", "service": "a:5000"}


def test_the_first_of_a_repeated_parameter_counts() -> None:
    (found,) = parse_challenges(['Basic realm="one", realm="two"'])
    assert found.parameters == {"realm": "one"}


@pytest.mark.parametrize(
    "header", ["", "   ,, ", '"', 'realm="x"', "\x00", "Bearer", "=" * 1000, 'Bearer realm="' + "\\" * 9999]
)
def test_nonsense_ends(header: str) -> None:
    assert len(parse_challenges([header])) <= 2
