"""Token servers: how they are asked, and what is taken from their answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, OrlopError, PermissionDenied, Unavailable
from orlop.registry.credentials import Credential
from orlop.registry.host import Host
from orlop.registry.scope import repository_scope
from orlop.registry.session import Patience, Session
from orlop.registry.token import Token, TokenServer, _lifetime_s
from registry.served import QUICK_RETRY, Served, errors, serving

if TYPE_CHECKING:
    from registry.served import Handler

SCOPES = repository_scope("a/b", "pull", "push") | repository_scope("c", "pull")


def answering(*answers: Any) -> Handler:
    left = list(answers)

    async def handler(_: web.BaseRequest) -> web.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        return answer() if callable(answer) else web.json_response(answer)

    return handler


def fetch(
    handler: Handler, credential: Credential | None = None, realm: str = "{url}/token?own=1"
) -> tuple[Token | OrlopError, Served]:
    async def ask() -> tuple[Token | OrlopError, Served]:
        async with serving(handler) as served:
            session = Session(Patience())
            server = TokenServer(Host(scheme="http", authority="127.0.0.1:1"), session, QUICK_RETRY)
            try:
                return await server.fetch(realm.format(url=served.url), "service", SCOPES, credential), served
            except OrlopError as error:
                return error, served
            finally:
                await session.close()

    return asyncio.run(ask())


def test_anonymous_tokens() -> None:
    token, served = fetch(answering({"token": "t"}))
    assert isinstance(token, Token)
    assert token.value == "t"
    assert token.is_fresh
    path, _, query = served.asked[0].target.partition("?")
    assert (served.asked[0].method, path) == ("GET", "/token")
    assert parse_qs(query) == {
        "own": ["1"],
        "service": ["service"],
        "scope": ["repository:a/b:pull,push", "repository:c:pull"],
        "client_id": ["orlop"],
    }
    assert "Authorization" not in served.asked[0].headers


def test_a_password_goes_as_basic() -> None:
    _, served = fetch(answering({"access_token": "t"}), Credential("us\u00e9r", "p:w"))
    assert served.asked[0].headers["Authorization"] == "Basic dXPDqXI6cDp3"
    assert "account=us%C3%A9r" in served.asked[0].target


def test_a_refresh_token_goes_by_post_and_in_no_url() -> None:
    token, served = fetch(answering({"access_token": "t", "refresh_token": "next"}), Credential("", "", "i&=+ d"))
    assert isinstance(token, Token)
    assert token.refresh_token == "next"  # noqa: S105 -- a test's
    (asked,) = served.asked
    assert (asked.method, asked.target) == ("POST", "/token?own=1")
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["orlop"],
        "service": ["service"],
        "scope": ["repository:a/b:pull,push repository:c:pull"],
        "refresh_token": ["i&=+ d"],
    }


def test_a_refusal_is_told_in_the_servers_words() -> None:
    error, _ = fetch(answering(lambda: errors("DENIED", "no such user", 401)))
    assert isinstance(error, PermissionDenied)
    assert "/token: 401 Unauthorized: DENIED: no such user" in str(error)
    assert "scope=" not in str(error)
    error, _ = fetch(answering(lambda: errors("X", "bad", 400)))
    assert isinstance(error, PermissionDenied)


def test_a_busy_server_is_asked_again() -> None:
    token, served = fetch(answering(lambda: web.Response(status=503), lambda: web.Response(status=429), {"token": "t"}))
    assert isinstance(token, Token)
    assert len(served.asked) == 3
    error, served = fetch(answering(lambda: web.Response(status=503)))
    assert isinstance(error, Unavailable)
    assert len(served.asked) == QUICK_RETRY.attempts


@pytest.mark.parametrize(
    "answer", [[], {}, {"token": ""}, {"token": 5}, {"token": "a\r\nX: y"}, {"token": "a b"}, {"token": "x" * 70_000}]
)
def test_an_answer_without_a_token_that_fits_a_header(answer: Any) -> None:
    error, _ = fetch(answering(answer))
    assert isinstance(error, FailedPrecondition)


def test_an_answer_without_end() -> None:
    error, _ = fetch(answering({"token": "t", "more": "x" * (300 << 10)}))
    assert isinstance(error, FailedPrecondition)
    assert "larger than" in str(error)


def test_a_redirect_is_not_followed() -> None:
    def away() -> web.Response:
        return web.Response(status=307, headers={"Location": "/other"})

    error, served = fetch(answering(away), Credential("u", "p"))
    assert isinstance(error, FailedPrecondition)
    assert len(served.asked) == 1


@pytest.mark.parametrize(
    "realm", ["", "token", "ftp://auth.example/", "https://u:p@auth.example/", "http://[", "file:///x"]
)
def test_a_realm_that_is_no_url(realm: str) -> None:
    error, _ = fetch(answering({"token": "t"}), realm=realm)
    assert isinstance(error, FailedPrecondition)
    assert "is not an HTTP URL" in str(error)


@pytest.mark.parametrize(
    ("scheme", "authority", "realm"),
    [
        ("https", "r.example", "http://auth.example/token"),
        ("https", "r.example", "http://127.0.0.1:1/token"),
        ("http", "127.0.0.1:1", "http://auth.example/token"),
    ],
)
def test_credentials_go_over_tls(scheme: str, authority: str, realm: str) -> None:
    server = TokenServer(Host(scheme=scheme, authority=authority), Session(Patience()), QUICK_RETRY)
    with pytest.raises(FailedPrecondition, match="has no TLS"):
        asyncio.run(server.fetch(realm, "", SCOPES, Credential("u", "p")))


def test_lifetimes() -> None:
    assert [_lifetime_s(value) for value in (300, 0.5, None, 0, -1, "x", True, float("inf"))] == [300, 0.5, *[60.0] * 6]
    assert not Token("t", 0.0).is_fresh
    assert "t" not in repr(Token("secret", 0.0, "secret")).replace("Token", "").replace("expires_at", "")
