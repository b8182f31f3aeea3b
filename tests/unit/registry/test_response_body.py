"""Bodies within their limits."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from yarl import URL

from orlop.errors import FailedPrecondition
from orlop.registry.host import Host
from orlop.registry.response_body import read_body, read_start
from orlop.registry.session import Patience, Session
from registry.served import serving


async def endless(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(int(request.path.strip("/"))):
        await response.write(b"x" * 1000)
    return response


def test_limits() -> None:
    async def ask() -> None:
        async with serving(endless) as served:
            session = Session(Patience())
            host = Host(scheme="http", authority=served.domain)

            async with await session.send(host, "GET", URL(f"{served.url}/5"), headers={}) as response:
                assert await read_body(response, 5000) == b"x" * 5000
            async with await session.send(host, "GET", URL(f"{served.url}/6"), headers={}) as response:
                with pytest.raises(FailedPrecondition, match="the answer is larger than 5000 bytes"):
                    await read_body(response, 5000)
            async with await session.send(host, "GET", URL(f"{served.url}/6"), headers={}) as response:
                assert await read_start(response, 10) == b"x" * 10
            await session.close()

    asyncio.run(ask())
