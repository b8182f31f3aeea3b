"""A small server of the test's own: it answers as the test says, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from orlop.registry.blob_fetch import RangePlan
from orlop.registry.client import RegistryClient, Settings, open_registry
from orlop.registry.credentials import Credential, FixedCredentials
from orlop.registry.retry import RetryPolicy
from orlop.registry.session import Patience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from orlop.oci.descriptor import Descriptor

    from .certificates import Certificate

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_KEPT_BODY = 4096
QUICK_RETRY = RetryPolicy(attempts=3, first_s=0.001, longest_s=0.002)
# Blobs of test size are large, and every connection counts as slow.
SMALL_RANGES = RangePlan(
    large_bytes=640_000, probe_bytes=600_000, slow_below_bytes_s=float(1 << 60), range_bytes=50_000
)
QUICK = Settings(retry=QUICK_RETRY, patience=Patience(read_s=10.0))
QUICK_RANGES = Settings(retry=QUICK_RETRY, patience=Patience(read_s=10.0), ranges=SMALL_RANGES)


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Served:
    """A server that runs."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def domain(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.domain}"

    @property
    def lines(self) -> list[str]:
        """Method and target of every request."""
        return [f"{one.method} {one.target}" for one in self.asked]

    def client(self, settings: Settings = QUICK, *, repository: str = "a/b", login: str = "") -> RegistryClient:
        """A client for a repository here; `login` is user:password."""
        username, _, password = login.partition(":")
        known = FixedCredentials(Credential(username, password), [self.domain]) if login else None
        return open_registry(self.domain, repository, credentials=known, settings=settings)


@contextlib.asynccontextmanager
async def serving(handler: Handler, certificate: Certificate | None = None, *, port: int = 0) -> AsyncIterator[Served]:
    """The server while it runs, on a free port of 127.0.0.1 or this one; it speaks TLS if it has a certificate."""
    served = Served(0)

    async def keep(request: web.BaseRequest) -> web.StreamResponse:
        # A large body is the handler's to read, or to leave.
        body = await request.read() if (request.content_length or 0) <= _KEPT_BODY else b""
        served.asked.append(Asked(request.method, request.raw_path, request.headers.copy(), body))
        return await handler(request)

    server = web.Server(keep)
    runner = web.ServerRunner(server)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=_tls(certificate) if certificate else None)
        await site.start()
        served.port = runner.addresses[0][1]
        yield served
    finally:
        await runner.cleanup()


def _tls(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key)
    return context


@contextlib.asynccontextmanager
async def serving_bytes(*answers: bytes) -> AsyncIterator[Served]:
    """A server that sends one of these answers per connection, byte by byte as they are, and closes; then the last."""
    served = Served(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *rest = head.split("\r\n")
            method, target, _ = first.split(" ")
            headers = dict(line.split(": ", 1) for line in rest if line)
            served.asked.append(Asked(method, target, headers, b""))
            writer.write(answers[min(len(served.asked), len(answers)) - 1])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        served.port = server.sockets[0].getsockname()[1]
        yield served


def errors(code: str, message: str, status: int) -> web.Response:
    """A registry's answer that it does not do something."""
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)


async def gathered(client: RegistryClient, descriptor: Descriptor, offset: int = 0) -> bytes:
    """A blob, whole."""
    return b"".join([chunk async for chunk in client.fetch_blob(descriptor, offset=offset)])
