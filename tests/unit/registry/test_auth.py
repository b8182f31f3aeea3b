"""What a host asks for, and what it is given."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.errors import PermissionDenied
from orlop.oci.digest import Digest
from registry.served import Served, errors, serving

if TYPE_CHECKING:
    from collections.abc import Callable

DIGEST = Digest.of(b"x")


class TokenRegistry:
    """Tags for whoever has a token of its own token server, which stands on the same port."""

    def __init__(self, expires_in: float = 300, header: str = "") -> None:
        self.expires_in = expires_in
        self.header = header
        self.tokens: list[str] = []
        self.good: Callable[[str], bool] = lambda token: token in self.tokens

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/token":
            if request.headers.get("Authorization") not in (None, "Basic dTpw"):
                return errors("UNAUTHORIZED", "wrong password", 401)
            self.tokens.append(f"t{len(self.tokens)}")
            return web.json_response({"token": self.tokens[-1], "expires_in": self.expires_in})
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and self.good(token):
            return web.json_response({"name": "a/b", "tags": ["v1"]})
        response = errors("UNAUTHORIZED", "log in", 401)
        realm = f"http://{request.host}/token"
        response.headers["WWW-Authenticate"] = (
            self.header or f'Basic realm="x", Bearer realm="{realm}",service="s",scope="repository:a/b:pull"'
        )
        return response


def tags(registry: TokenRegistry, *, times: int = 1, at_once: bool = False, login: str = "") -> Served:
    async def ask() -> Served:
        async with serving(registry) as served, served.client(login=login) as client:
            if at_once:
                await asyncio.gather(*[client.tags() for _ in range(times)])
            else:
                for _ in range(times):
                    assert await client.tags() == ["v1"]
            return served

    return asyncio.run(ask())


def test_nothing_is_sent_before_it_is_asked_for_and_then_one_token_serves() -> None:
    served = tags(TokenRegistry(), times=3, login="u:p")
    assert [line.partition("?")[0] for line in served.lines] == [
        "GET /v2/a/b/tags/list",
        "GET /token",
        *["GET /v2/a/b/tags/list"] * 3,
    ]
    assert "Authorization" not in served.asked[0].headers
    assert [one.headers.get("Authorization") for one in served.asked[1:]] == ["Basic dTpw", *["Bearer t0"] * 3]


def test_requests_side_by_side_share_a_token() -> None:
    registry = TokenRegistry()
    tags(registry, times=8, at_once=True)
    assert len(registry.tokens) == 1


def test_a_token_that_expires_is_renewed() -> None:
    registry = TokenRegistry(expires_in=0.000_001)
    tags(registry, times=2)
    assert len(registry.tokens) >= 2


def test_a_token_that_the_registry_takes_no_longer_is_renewed() -> None:
    registry = TokenRegistry()

    async def ask() -> None:
        async with serving(registry) as served, served.client() as client:
            assert await client.tags() == ["v1"]
            registry.tokens[:] = ["revoked"]
            assert await client.tags() == ["v1"]

    asyncio.run(ask())
    assert registry.tokens == ["revoked", "t1"]


def test_a_token_that_never_suffices_is_an_error_after_few_requests() -> None:
    registry = TokenRegistry()
    registry.good = lambda _: False

    async def ask() -> int:
        async with serving(registry) as served, served.client() as client:
            with pytest.raises(PermissionDenied, match="401 Unauthorized: UNAUTHORIZED: log in"):
                await client.tags()
            return len(served.asked)

    assert asyncio.run(ask()) <= 5


def test_a_wrong_password_is_told_by_the_token_server() -> None:
    async def ask() -> None:
        async with serving(TokenRegistry()) as served, served.client(login="u:wrong") as client:
            with pytest.raises(PermissionDenied, match="wrong password") as caught:
                await client.tags()
            assert "dTp3cm9uZw" not in str(caught.value)

    asyncio.run(ask())


@pytest.mark.parametrize("header", ["Negotiate", "", 'Digest realm="x"'])
def test_schemes_that_we_do_not_have(header: str) -> None:
    async def ask() -> int:
        async with serving(TokenRegistry(header=header or "Basic")) as served, served.client() as client:
            with pytest.raises(PermissionDenied, match="401 Unauthorized"):
                await client.tags()
            return len(served.asked)

    assert asyncio.run(ask()) == 1


def test_basic() -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        if request.headers.get("Authorization") != "Basic dTpw":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return web.json_response({"tags": None})

    async def ask() -> None:
        async with serving(handler) as served, served.client(login="u:p") as client:
            assert await client.tags() == []
            assert await client.tags() == []
            assert len(served.asked) == 3
        async with serving(handler) as served, served.client(login="u:q") as client:
            with pytest.raises(PermissionDenied):
                await client.tags()
            assert len(served.asked) == 2

    asyncio.run(ask())
