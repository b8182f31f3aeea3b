"""Several hosts of one repository, and who is asked for what."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from orlop.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orlop.registry.client import RegistryClient
from orlop.registry.credentials import Credential, FixedCredentials
from orlop.registry.host import Capability, Host
from orlop.registry.scope import repository_scope
from orlop.registry.tls import TlsFiles
from registry.blob_file import described
from registry.memory_registry import INDEX, MemoryRegistry, digest_of
from registry.served import QUICK, errors, gathered, serving

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.served import Served

CONTENT = b"content" * 1000
BLOB = described(CONTENT)
PULL = frozenset({Capability.PULL})


async def blobs(request: web.BaseRequest) -> web.Response:
    if request.path.endswith("/tags/list"):
        return web.json_response({"tags": ["v1"]})
    return web.Response(body=CONTENT)


async def nothing(_: web.BaseRequest) -> web.Response:
    return errors("BLOB_UNKNOWN", "not here", 404)


def mirror(served: Served, **more: object) -> Host:
    return Host(scheme="http", authority=served.domain, namespace="r.example", **more)  # type: ignore[arg-type]


def client(hosts: Sequence[Host], login: Sequence[str] = ()) -> RegistryClient:
    return RegistryClient("r.example", "a/b", hosts, FixedCredentials(Credential("u", "p"), login), QUICK)


def test_mirrors_come_first_and_hear_whose_content_is_wanted() -> None:
    async def ask() -> None:
        async with serving(blobs) as near, serving(blobs) as far:
            async with client([mirror(near), Host(scheme="http", authority=far.domain)]) as found:
                assert await gathered(found, BLOB) == CONTENT
            assert near.lines == [f"GET /v2/a/b/blobs/{BLOB.digest}?ns=r.example"]
            assert far.lines == []

    asyncio.run(ask())


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=400, text="The plain HTTP request was sent to HTTPS port"),
        web.Response(text="<html>please log in</html>", content_type="text/html"),
        web.json_response({"schemaVersion": 1}),
    ],
    ids=["400", "page", "schema 1"],
)
def test_the_next_host_where_one_answers_nonsense(answer: web.Response) -> None:
    async def nonsense(_: web.BaseRequest) -> web.Response:
        return web.Response(
            status=answer.status, body=answer.body, headers={"Content-Type": answer.headers["Content-Type"]}
        )

    memory = MemoryRegistry()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    memory.manifests["v1"] = memory.manifests[digest_of(manifest)] = (INDEX, manifest)

    async def ask() -> None:
        async with serving(nonsense) as near, serving(memory) as far:
            hosts = [mirror(near), Host(scheme="http", authority=far.domain)]
            async with client(hosts) as found:
                descriptor = await found.resolve("v1")
                assert str(descriptor.digest) == digest_of(manifest)
                assert await found.fetch_manifest(descriptor) == manifest
            assert near.asked

    asyncio.run(ask())


def test_a_file_that_is_wrong_is_no_reason_to_ask_the_next_host(tmp_path: Path) -> None:
    async def ask() -> None:
        async with serving(blobs) as far:
            broken = Host(scheme="https", authority="m.example", tls=TlsFiles(ca=(tmp_path / "none.crt",)))
            async with client([broken, Host(scheme="http", authority=far.domain)]) as found:
                with pytest.raises(InvalidArgument, match=r"none\.crt: cannot load"):
                    await gathered(found, BLOB)

    asyncio.run(ask())


def test_the_next_host_where_one_has_nothing_or_is_gone() -> None:
    async def ask() -> None:
        async with serving(blobs) as gone:
            pass
        async with serving(nothing) as empty, serving(blobs) as far:
            hosts = [mirror(gone), mirror(empty), Host(scheme="http", authority=far.domain)]
            async with client(hosts) as found:
                assert await gathered(found, BLOB) == CONTENT
                assert await found.tags() == ["v1"]
            assert far.lines == [f"GET /v2/a/b/blobs/{BLOB.digest}", "GET /v2/a/b/tags/list?n=1000"]

    asyncio.run(ask())


def test_the_error_is_the_registrys_own_with_all_reasons() -> None:
    async def ask() -> None:
        async with serving(blobs) as gone:
            pass
        async with serving(nothing) as empty:
            async with client([mirror(gone), Host(scheme="http", authority=empty.domain)]) as found:
                with pytest.raises(NotFound, match=r"BLOB_UNKNOWN: not here \(before that: cannot reach .*refused"):
                    await gathered(found, BLOB)
            async with client([mirror(empty), Host(scheme="http", authority=gone.domain)]) as found:
                with pytest.raises(Unavailable, match=r"refused \(before that: .*BLOB_UNKNOWN"):
                    await found.tags()

    asyncio.run(ask())


def test_only_hosts_that_may_resolve_say_what_a_tag_means() -> None:
    async def ask() -> None:
        async with serving(blobs) as near, serving(blobs) as far:
            hosts = [mirror(near, capabilities=PULL), Host(scheme="http", authority=far.domain)]
            async with client(hosts) as found:
                await found.tags()
            assert (len(near.asked), len(far.asked)) == (0, 1)
            async with client(hosts[:1]) as found:
                with pytest.raises(FailedPrecondition, match="no host has the capability resolve; add it to"):
                    await found.tags()
                with pytest.raises(FailedPrecondition, match="no host has the capability push"):
                    await found.delete("v1")

    asyncio.run(ask())


def test_a_mirror_does_not_get_the_registrys_credentials() -> None:
    async def closed(request: web.BaseRequest) -> web.Response:
        if "Authorization" not in request.headers:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return web.json_response({"tags": ["v1"]})

    async def ask() -> None:
        async with serving(closed) as near, serving(closed) as far:
            hosts = [mirror(near), Host(scheme="http", authority=far.domain)]
            async with client(hosts, [far.domain]) as found:
                assert await found.tags() == ["v1"]
            assert all("Authorization" not in one.headers for one in near.asked)
            assert far.asked[-1].headers["Authorization"] == "Basic dTpw"

    asyncio.run(ask())


def test_scopes() -> None:
    repository = client([Host(scheme="https", authority="r.example")])._repository
    assert repository.pull_scopes == repository_scope("a/b", "pull")
    assert repository.push_scopes == repository_scope("a/b", "pull", "push")
    assert repository.delete_scopes == repository_scope("a/b", "pull", "push", "delete")
    assert str(repository) == "r.example/a/b"
