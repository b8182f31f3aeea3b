"""Opening a registry."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

from orlop.errors import InvalidArgument
from orlop.registry.client import RegistryClient, open_registry
from orlop.registry.contract import Registry
from registry.served import QUICK, serving

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web


def keeps(client: Registry) -> Registry:
    """For the type checker: a client is what the contract says."""
    return client


def test_a_client_is_what_the_contract_says() -> None:
    assert keeps(open_registry("r.example", "a/b")) is not None
    for name, member in inspect.getmembers(Registry, inspect.isfunction):
        if name in ("__init__", "__subclasshook__") or name.startswith("_abc"):
            continue
        theirs = inspect.signature(member).parameters
        assert list(inspect.signature(getattr(RegistryClient, name)).parameters) == list(theirs), name


def test_names_are_checked_before_anything_is_sent() -> None:
    for domain, repository in (("a/b", "a"), ("r.example", "A"), ("r.example", "../x"), ("", "a"), ("r.example", "")):
        with pytest.raises(InvalidArgument):
            open_registry(domain, repository)


def test_docker_hub() -> None:
    (host,) = open_registry("docker.io", "library/busybox")._repository.hosts
    assert str(host) == "https://registry-1.docker.io"


def test_hosts_of_files(tmp_path: Path) -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        from aiohttp import web

        return web.json_response({"tags": ["v1"]})

    async def ask() -> None:
        async with serving(handler) as served:
            (tmp_path / "r.example").mkdir()
            (tmp_path / "r.example/hosts.toml").write_text(
                f'[host."{served.url}"]\n[host."{served.url}".header]\nX-Key = "k"\n'
            )
            async with open_registry("r.example", "a/b", host_directories=[tmp_path], settings=QUICK) as client:
                assert await client.tags() == ["v1"]
            assert served.lines == ["GET /v2/a/b/tags/list?n=1000&ns=r.example"]
            assert served.asked[0].headers["X-Key"] == "k"

    asyncio.run(ask())


def test_plain_http_is_for_loopback_unless_it_is_asked_for() -> None:
    def url(domain: str, *, plain_http: bool | None = None) -> str:
        return str(open_registry(domain, "a", plain_http=plain_http)._repository.hosts[0])

    assert url("10.0.0.1:5000") == "https://10.0.0.1:5000"
    assert url("10.0.0.1:5000", plain_http=True) == "http://10.0.0.1:5000"
    assert url("127.0.0.1:5000") == "http://127.0.0.1:5000"
    assert url("127.0.0.1:5000", plain_http=False) == "https://127.0.0.1:5000"
