"""One request and one answer."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

import orlop
from orlop.registry.host import Host
from orlop.registry.session import Patience, Session, _proxy
from registry.served import serving, serving_bytes


async def gzipped(_: web.BaseRequest) -> web.Response:
    response = web.Response(body=b"\x1f\x8bnot really", headers={"Content-Encoding": "gzip", "Set-Cookie": "a=b"})
    response.headers["Location"] = "/elsewhere"
    response.set_status(307)
    return response


def test_bytes_come_as_they_are_and_nothing_is_followed_or_kept() -> None:
    async def ask() -> None:
        async with serving(gzipped) as served:
            host = Host(scheme="http", authority=served.domain)
            session = Session(Patience())
            for _ in range(2):
                response = await session.send(host, "GET", URL(served.url) / "v2", headers={"Accept": "x"})
                assert (response.status, await response.read()) == (307, b"\x1f\x8bnot really")
            await session.close()
        assert served.lines == ["GET /v2"] * 2
        assert served.asked[1].headers["User-Agent"] == f"orlop/{orlop.__version__}"
        assert served.asked[1].headers["Accept-Encoding"] == "identity"
        assert "Cookie" not in served.asked[1].headers

    asyncio.run(ask())


def test_silence_ends() -> None:
    async def ask() -> None:
        async with serving_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as served:
            held = asyncio.Event()

            async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                await held.wait()
                writer.close()

            server = await asyncio.start_server(hold, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            host = Host(scheme="http", authority=served.domain)
            session = Session(Patience(read_s=0.05))
            with pytest.raises(asyncio.TimeoutError):
                await session.send(host, "GET", URL(f"http://127.0.0.1:{port}/"), headers={})
            held.set()
            await session.close()
            server.close()
            await server.wait_closed()

    asyncio.run(ask())


def test_a_name_that_no_resolver_takes() -> None:
    async def ask() -> None:
        session = Session(Patience())
        host = Host(scheme="https", authority="r.example")
        with pytest.raises(aiohttp.InvalidURL):
            await session.send(host, "GET", URL(f"https://{'a' * 64}.example/"), headers={})
        await session.close()

    asyncio.run(ask())


def test_nobody_there() -> None:
    async def ask() -> None:
        async with serving(gzipped) as served:
            host = Host(scheme="http", authority=served.domain)
        session = Session(Patience())
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.send(host, "GET", host.root, headers={})
        await session.close()
        await session.close()

    asyncio.run(ask())


def test_proxies_of_the_environment_but_never_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert _proxy(URL("https://r.example/")) == "http://proxy.example:3128"
    assert _proxy(URL("http://r.example/")) is None
    assert _proxy(URL("https://r.inside.example/")) is None
    assert _proxy(URL("https://127.0.0.1:5000/")) is None
