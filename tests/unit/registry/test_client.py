"""Opening a registry."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.errors import InvalidArgument, Unavailable
from orlop.registry.client import RegistryClient, open_registry
from orlop.registry.contract import Registry
from orlop.registry.credentials import Credential, FixedCredentials
from registry.blob_file import described
from registry.certificates import make_authority
from registry.memory_registry import INDEX, MemoryRegistry
from registry.served import QUICK, errors, gathered, serving, serving_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from registry.certificates import Certificate
    from registry.served import Served

CONTENT = b"the content of a blob"
BLOB = described(CONTENT)


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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One that nobody trusts."""
    return make_authority(tmp_path_factory.mktemp("authority")).issue("server")


def at(served: Served, *, plain_http: bool | None = None, hosts: tuple[Path, ...] = ()) -> RegistryClient:
    known = FixedCredentials(Credential("user", "password"), [served.domain])
    return open_registry(
        served.domain, "a/b", host_directories=hosts, credentials=known, plain_http=plain_http, settings=QUICK
    )


def test_a_loopback_port_that_speaks_tls_is_asked_by_https(certificate: Certificate) -> None:
    memory = MemoryRegistry()
    memory.blobs["a/b"] = {str(BLOB.digest): CONTENT}
    memory.manifests["v1"] = (INDEX, b"{}")

    async def basic(request: web.BaseRequest) -> web.StreamResponse | None:
        if "Authorization" in request.headers:
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})

    memory.fault = basic

    async def ask() -> None:
        async with serving(memory, certificate) as served:
            async with at(served) as client:
                assert await client.tags() == ["v1"]
                assert str(client._repository.hosts[0]) == f"https://{served.domain}"
            assert [one.headers.get("Authorization") is not None for one in served.asked] == [False, True]
            async with at(served) as client:
                assert await gathered(client, BLOB) == CONTENT, "a blob may be what is asked for first"
            async with at(served) as client:
                found = await asyncio.gather(client.tags(), gathered(client, BLOB), client.tags())
                assert tuple(found) == (["v1"], CONTENT, ["v1"])

    asyncio.run(ask())


def test_who_said_http_or_tls_gets_that_and_no_other(certificate: Certificate, tmp_path: Path) -> None:
    async def ask() -> None:
        async with serving(MemoryRegistry(), certificate) as served:
            for plain_http, place in ((True, "http://"), (False, "https://")):
                async with at(served, plain_http=plain_http, hosts=(tmp_path,)) as client:
                    with pytest.raises(Unavailable, match=place + served.domain) as caught:
                        await client.tags()
            assert caught.value.hint.endswith(f"as `ca` in {tmp_path}/{served.domain}/hosts.toml")
            (tmp_path / served.domain).mkdir()
            (tmp_path / served.domain / "hosts.toml").write_text(f'server = "http://{served.domain}"')
            async with at(served, hosts=(tmp_path,)) as client:
                with pytest.raises(Unavailable, match=f"cannot reach {served.url}/"):
                    await client.tags()

    asyncio.run(ask())


def test_https_is_never_given_up_for_http(certificate: Certificate) -> None:
    """Neither because somebody cuts connections, nor because somebody else answers on the port afterwards."""

    async def nothing(_: web.BaseRequest) -> web.Response:
        return web.json_response({"tags": ["plain"]})

    async def ask() -> None:
        async with serving(MemoryRegistry(), certificate) as served:
            client = at(served)
            assert await client.tags() == []
        async with serving(nothing, port=served.port) as other:
            with pytest.raises(Unavailable, match=f"https://{served.domain}/.*TLS: WRONG_VERSION_NUMBER"):
                await client.tags()
            assert other.asked == []
        await client.close()

    asyncio.run(ask())


def test_a_loopback_port_that_speaks_neither_is_told_with_both() -> None:
    async def ask() -> None:
        async with serving_bytes(b"") as served, at(served) as client:
            with pytest.raises(Unavailable) as caught:
                await client.tags()
            assert f"cannot reach {served.url}/" in str(caught.value)
            assert f"and https://{served.domain}: TLS: " in str(caught.value)

    asyncio.run(ask())


def test_a_400_of_a_plain_registry_is_that() -> None:
    async def wrong(_: web.BaseRequest) -> web.Response:
        return errors("NAME_INVALID", "no such name can be", 400)

    async def ask() -> None:
        async with serving(wrong) as served, at(served) as client:
            for _ in range(2):
                with pytest.raises(InvalidArgument, match=f"{served.url}: 400 Bad Request: NAME_INVALID"):
                    await client.tags()
            assert len(served.asked) == 2

    asyncio.run(ask())
