"""Lists of tags."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, NotFound
from registry.memory_registry import INDEX, MemoryRegistry
from registry.served import errors, serving


def test_all_pages_in_order() -> None:
    tags = [f"v{number:03}" for number in range(25)]
    registry = MemoryRegistry(page=10, manifests=dict.fromkeys(tags, (INDEX, b"{}")))

    async def ask() -> None:
        async with serving(registry) as served, served.client() as client:
            assert await client.tags() == tags
            assert served.lines == [
                "GET /v2/a/b/tags/list?n=1000",
                "GET /v2/a/b/tags/list?last=v009",
                "GET /v2/a/b/tags/list?last=v019",
            ]

    asyncio.run(ask())


@pytest.mark.parametrize(
    "answer", ["[]", "{}", '{"tags": "v1"}', '{"tags": [1]}', '{"tags": ["a/b"]}', '{"tags": ["\\u001b"]}', "x"]
)
def test_what_is_no_list_of_tags(answer: str) -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        return web.Response(text=answer)

    async def ask() -> None:
        async with serving(handler) as served, served.client() as client:
            with pytest.raises(FailedPrecondition, match="the answer is not a list of tags"):
                await client.tags()

    asyncio.run(ask())


def test_none_and_no_repository() -> None:
    async def none(_: web.BaseRequest) -> web.Response:
        return web.json_response({"name": "a/b", "tags": None})

    async def unknown(_: web.BaseRequest) -> web.Response:
        return errors("NAME_UNKNOWN", "repository name not known to registry", 404)

    async def ask() -> None:
        async with serving(none) as served, served.client() as client:
            assert await client.tags() == []
        async with serving(unknown) as served, served.client() as client:
            with pytest.raises(
                NotFound, match=r"cannot list tags of .*/a/b: .*NAME_UNKNOWN: repository name not known"
            ):
                await client.tags()

    asyncio.run(ask())
