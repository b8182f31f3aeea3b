"""Retries, redirects, and what never leaves its host."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, NotFound, PermissionDenied, Unavailable
from orlop.registry.client import RegistryClient
from orlop.registry.credentials import Credential, FixedCredentials
from orlop.registry.host import Host
from orlop.registry.redirect import MAX_REDIRECTS
from registry.blob_file import described
from registry.served import QUICK, QUICK_RETRY, errors, gathered, serving, serving_bytes

if TYPE_CHECKING:
    from registry.served import Handler

CONTENT = b"the content of a blob"
BLOB = described(CONTENT)


def failing(*statuses: int, retry_after: str = "") -> Handler:
    left = list(statuses)

    async def handler(_: web.BaseRequest) -> web.Response:
        if left:
            response = errors("TOOMANYREQUESTS", "slow down", left.pop(0))
            if retry_after:
                response.headers["Retry-After"] = retry_after
            return response
        return web.json_response({"tags": ["v1"]})

    return handler


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    async def ask() -> None:
        async with serving(failing(status, status)) as served, served.client() as client:
            assert await client.tags() == ["v1"]
            assert len(served.asked) == 3

    asyncio.run(ask())


def test_not_for_ever_and_then_in_the_registrys_words() -> None:
    async def ask() -> None:
        async with serving(failing(*[429] * 9)) as served, served.client() as client:
            with pytest.raises(Unavailable, match="429 Too Many Requests: TOOMANYREQUESTS: slow down; try again later"):
                await client.tags()
            assert len(served.asked) == QUICK_RETRY.attempts

    asyncio.run(ask())


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_what_will_not_pass_is_not(status: int) -> None:
    async def ask() -> None:
        async with serving(failing(status)) as served, served.client() as client:
            with pytest.raises(Exception, match=str(status)):
                await client.tags()
            assert len(served.asked) == 1

    asyncio.run(ask())


def test_retry_after_is_kept_and_a_long_one_told() -> None:
    async def ask() -> None:
        async with serving(failing(429, retry_after="0")) as served, served.client() as client:
            assert await client.tags() == ["v1"]
        async with serving(failing(429, retry_after="3600")) as served, served.client() as client:
            with pytest.raises(Unavailable, match="429"):
                await client.tags()
            assert len(served.asked) == 1

    asyncio.run(ask())


def test_cuts_are_tried_again() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 15\r\n\r\n"

    async def ask() -> None:
        async with serving_bytes(b"") as served, served.client() as client:
            with pytest.raises(Unavailable):
                await client.delete("v1")
            # aiohttp looks whether only the connection was stale; beyond that nothing is deleted twice on a guess.
            assert len(served.asked) <= 2 < QUICK_RETRY.attempts
        async with (
            serving_bytes(b"", head + b'{"tags"', head + b'{"tags":["v1"]}') as served,
            served.client() as client,
        ):
            assert await client.tags() == ["v1"]

    asyncio.run(ask())


def test_nonsense_is_an_error_of_the_connection() -> None:
    async def ask() -> None:
        async with serving_bytes(b"SSH-2.0-OpenSSH\r\n") as served, served.client() as client:
            with pytest.raises(Unavailable, match=r"cannot reach http://127\.0\.0\.1"):
                await client.tags()

    asyncio.run(ask())


async def storage(request: web.BaseRequest) -> web.Response:
    return web.Response(body=CONTENT) if request.path == "/stored" else web.Response(status=404)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_carry_neither_credentials_nor_headers_to_another_host(status: int) -> None:
    """CVE-2020-15157: the host of a layer got the credentials of the registry."""

    async def ask() -> None:
        async with serving(storage) as elsewhere:

            async def registry(request: web.BaseRequest) -> web.Response:
                if "Authorization" not in request.headers:
                    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
                return web.Response(status=status, headers={"Location": f"{elsewhere.url}/stored?sig=a%2Fb"})

            async with serving(registry) as served:
                host = Host(scheme="http", authority=served.domain, headers=(("X-Secret", "s"),))
                known = FixedCredentials(Credential("u", "p"), [served.domain, elsewhere.domain])
                async with RegistryClient(served.domain, "a/b", [host], known, QUICK) as client:
                    assert await gathered(client, BLOB) == CONTENT
                assert served.asked[-1].headers["Authorization"] == "Basic dTpw"
                assert served.asked[-1].headers["X-Secret"] == "s"
            (asked,) = elsewhere.asked
            assert asked.target == "/stored?sig=a%2Fb"
            assert "Authorization" not in asked.headers
            assert "X-Secret" not in asked.headers

    asyncio.run(ask())


def test_another_hosts_challenge_gets_no_credentials() -> None:
    async def closed(_: web.BaseRequest) -> web.Response:
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="give me"'})

    async def ask() -> None:
        async with serving(closed) as elsewhere:

            async def registry(_: web.BaseRequest) -> web.Response:
                return web.Response(status=307, headers={"Location": f"{elsewhere.url}/stored"})

            async with serving(registry) as served, served.client(login="u:p") as client:
                with pytest.raises(PermissionDenied):
                    await gathered(client, BLOB)
            assert len(elsewhere.asked) == 1
            assert "Authorization" not in elsewhere.asked[0].headers

    asyncio.run(ask())


def test_what_comes_back_from_another_host_gets_no_credentials() -> None:
    async def ask() -> None:
        home: list[str] = []

        async def bouncing(_: web.BaseRequest) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{home[0]}/v2/private"})

        async with serving(bouncing) as elsewhere:

            async def registry(request: web.BaseRequest) -> web.Response:
                if request.path == "/v2/private":
                    return web.Response(body=CONTENT)
                if "Authorization" not in request.headers:
                    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
                return web.Response(status=307, headers={"Location": f"{elsewhere.url}/"})

            async with serving(registry) as served, served.client(login="u:p") as client:
                home.append(served.url)
                assert await gathered(client, BLOB) == CONTENT
                assert "Authorization" not in served.asked[-1].headers

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("place", "why"), [("127.0.0.1:{port}", "Connection refused"), (f"127.0.0.1:{{port}}/{'x' * 10}", "refused")]
)
def test_a_target_that_does_not_answer_is_named(place: str, why: str) -> None:
    async def ask() -> None:
        async with serving(storage) as gone:
            pass
        target = "http://" + place.format(port=gone.port)

        async def registry(_: web.BaseRequest) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{target}?sig=secret"})

        async with serving(registry) as served, served.client() as client:
            with pytest.raises(Unavailable, match=f"cannot reach {target}.*{why}") as caught:
                await client.tags()
            assert "secret" not in str(caught.value)

    asyncio.run(ask())


def test_redirects_end() -> None:
    async def circle(request: web.BaseRequest) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{request.path}x"})

    async def ask() -> None:
        async with serving(circle) as served, served.client() as client:
            with pytest.raises(FailedPrecondition, match=f"redirects more than {MAX_REDIRECTS} times"):
                await client.tags()
            assert len(served.asked) == MAX_REDIRECTS + 1

    asyncio.run(ask())


def test_warnings_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> None:
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 11\r\n"
        answer = head + b'Warning: 299 - "Going away soon."\r\n\r\n{"tags":[]}'
        async with serving_bytes(answer) as served, served.client() as client:
            with caplog.at_level(logging.WARNING):
                await client.tags()
                await client.tags()
            assert caplog.messages == [f"{served.url} says: Going away soon."]

    asyncio.run(ask())


def test_a_missing_thing_is_not_found() -> None:
    async def ask() -> None:
        async with serving(storage) as served, served.client() as client:
            with pytest.raises(NotFound, match=r"cannot fetch blob 127\.0\.0\.1:\d+/a/b@sha256:\w+: http://127.*: 404"):
                await gathered(client, BLOB)

    asyncio.run(ask())
