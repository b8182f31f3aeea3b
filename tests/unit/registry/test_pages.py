"""Pages: where the next one is, and where it must not be."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from aiohttp import web
from yarl import URL

from orlop.errors import FailedPrecondition
from orlop.registry import pages as pages_module
from orlop.registry.host import Host
from orlop.registry.pages import next_page, pages
from registry.served import errors, serving

HOST = Host(scheme="https", authority="r.example")
HERE = URL("https://r.example/v2/a/tags/list?n=2")


@pytest.mark.parametrize(
    ("links", "target"),
    [
        (['</v2/a/tags/list?n=2&last=b>; rel="next"'], "https://r.example/v2/a/tags/list?n=2&last=b"),
        (["<https://r.example/v2/x>;rel=next"], "https://r.example/v2/x"),
        (['</a>; rel="prev", </b>; rel="first next"'], "https://r.example/b"),
        (['</a>; rel="prev"', '</b>; title="x, y"; REL="Next"'], "https://r.example/b"),
        (["<list?last=z>; rel=next"], "https://r.example/v2/a/tags/list?last=z"),
    ],
)
def test_where_the_next_page_is(links: list[str], target: str) -> None:
    assert str(next_page(HOST, HERE, links)) == target


@pytest.mark.parametrize("links", [[], [""], ['</a>; rel="prev"'], ["</a>"], ["nonsense"], ['</a; rel="next"']])
def test_the_last_page(links: list[str]) -> None:
    assert next_page(HOST, HERE, links) is None


@pytest.mark.parametrize("target", ["https://other.example/", "//other.example/", "http://other.example/", "ftp://x/"])
def test_the_next_page_is_on_no_other_host(target: str) -> None:
    with pytest.raises(FailedPrecondition, match=r"on another host|has no TLS|no HTTP URL"):
        next_page(HOST, HERE, [f'<{target}>; rel="next"'])


def test_circles_and_lists_without_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "MAX_PAGES", 5)

    async def handler(request: web.BaseRequest) -> web.Response:
        number = int(request.query.get("p", "0"))
        following = (number + 1) % 3 if "circle" in request.path else number + 1
        return web.json_response({}, headers={"Link": f'<{request.path}?p={following}>; rel="next"'})

    async def ask(path: str, message: str) -> None:
        async with serving(handler) as served, served.client() as client:
            repository = client._repository
            call = repository.read_call(repository.hosts[0], "GET", path, [("p", "0")])
            with pytest.raises(FailedPrecondition, match=message):
                async with aclosing(pages(repository, call)) as answers:
                    assert {status async for status, _, _ in answers} == {200}
            assert len(served.asked) <= 5

    asyncio.run(ask("circle", "its pages go in a circle"))
    asyncio.run(ask("endless", "has more than 5 pages"))


def test_what_is_not_a_success_is_the_last_page() -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        response = errors("X", "y", 404)
        response.headers["Link"] = '</next>; rel="next"'
        return response

    async def ask() -> None:
        async with serving(handler) as served, served.client() as client:
            repository = client._repository
            async with aclosing(pages(repository, repository.read_call(repository.hosts[0], "GET", "x"))) as answers:
                assert [status async for status, _, _ in answers] == [404]
            assert len(served.asked) == 1

    asyncio.run(ask())
